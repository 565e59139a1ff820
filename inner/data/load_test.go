package data_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/data"
)

const (
	trainImages = "train-images-idx3-ubyte"
	trainLabels = "train-labels-idx1-ubyte"
	testImages  = "t10k-images-idx3-ubyte"
	testLabels  = "t10k-labels-idx1-ubyte"
)

// fixture returns a training set of 3 images and a test set of 2, and their files under the plain names.
func fixture(t testingT) (train, test *data.Set, files map[string][]byte) {
	train = &data.Set{Images: []byte{1, 2, 3, 4, 5, 6}, Labels: []byte{0, 3, 1}, Rows: 1, Cols: 2, Classes: 5}
	test = &data.Set{Images: []byte{7, 8, 9, 10}, Labels: []byte{4, 0}, Rows: 1, Cols: 2, Classes: 5}
	return train, test, map[string][]byte{
		trainImages: imagesFile(t, train), trainLabels: labelsFile(t, train),
		testImages: imagesFile(t, test), testLabels: labelsFile(t, test),
	}
}

func folder(t *testing.T, files map[string][]byte) string {
	dir := t.TempDir()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	return dir
}

func mapFS(files map[string][]byte) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, content := range files {
		fsys[name] = &fstest.MapFile{Data: content}
	}
	return fsys
}

func TestLoad(t *testing.T) {
	wantTrain, wantTest, files := fixture(t)
	train, test, err := data.Load(folder(t, files))
	require.NoError(t, err)
	assert.Equal(t, wantTrain, train)
	assert.Equal(t, wantTest, test, "classes are those of both sets")
}

func TestLoadTakesEveryVariantOfAName(t *testing.T) {
	wantTrain, wantTest, files := fixture(t)
	train, test, err := data.LoadFS(mapFS(map[string][]byte{
		trainImages + ".gz":           zip(t, files[trainImages]),
		"train-labels.idx1-ubyte":     files[trainLabels],
		"t10k-images.idx3-ubyte.gz":   zip(t, files[testImages]),
		testLabels + ".gz":            files[testLabels], // unzipped by somebody who kept the name
		"train-images-idx3-ubyte.zip": nil,
	}))
	require.NoError(t, err)
	assert.Equal(t, wantTrain, train)
	assert.Equal(t, wantTest, test)
}

func TestLoadPrefersPlainFiles(t *testing.T) {
	wantTrain, _, files := fixture(t)
	files[trainImages+".gz"] = []byte("not looked at")
	files["train-labels.idx1-ubyte.gz"] = []byte("not looked at")
	files["train-labels.idx1-ubyte"], files[trainLabels+".gz"] = files[trainLabels], []byte("not looked at")
	delete(files, trainLabels)
	train, _, err := data.LoadFS(mapFS(files))
	require.NoError(t, err)
	assert.Equal(t, wantTrain, train)
}

func TestMissingFilesAreAllNamed(t *testing.T) {
	_, _, files := fixture(t)
	delete(files, trainLabels)
	delete(files, testImages)
	dir := folder(t, files)
	_, _, err := data.Load(dir)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.EqualError(t, err, "data: "+dir+": train-labels-idx1-ubyte, t10k-images-idx3-ubyte: "+
		"file does not exist, nor with .gz at the end or .idx in place of -idx")

	_, _, err = data.Load(filepath.Join(dir, "nowhere"))
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "nowhere")
	_, _, err = data.Load("")
	assert.ErrorContains(t, err, "data: ")
}

func TestBadFilesAreNamed(t *testing.T) {
	wide := constant(2, 1, 3, 0)
	for name, tt := range map[string]struct {
		file    string
		content []byte
		want    string
	}{
		"empty":              {trainImages, nil, "data: train-images-idx3-ubyte: magic number: unexpected EOF"},
		"not idx":            {trainLabels, []byte("404 not found"), "data: train-labels-idx1-ubyte: magic number 0x34303420 (neither images nor labels); want 0x00000801 (labels)"},
		"images for labels":  {testLabels, imagesFile(t, wide), "data: t10k-labels-idx1-ubyte: magic number 0x00000803 (images); want 0x00000801 (labels)"},
		"cut":                {testImages, imagesFile(t, wide)[:18], "data: t10k-images-idx3-ubyte: byte 2 of the 6 that dimensions [2 1 3] ask for: unexpected EOF"},
		"fewer labels":       {trainLabels, labelsFile(t, wide), "data: train-images-idx3-ubyte holds 3 images, train-labels-idx1-ubyte 2 labels; want one label for each image"},
		"another image size": {testImages, imagesFile(t, wide), "data: train-images-idx3-ubyte holds images of 1x2 pixels, t10k-images-idx3-ubyte of 1x3; want the same size"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, files := fixture(t)
			files[tt.file] = tt.content
			train, test, err := data.LoadFS(mapFS(files))
			assert.EqualError(t, err, tt.want)
			assert.Nil(t, train)
			assert.Nil(t, test)
		})
	}
}

func TestAFolderInPlaceOfAFileIsNamed(t *testing.T) {
	_, _, files := fixture(t)
	delete(files, testLabels)
	dir := folder(t, files)
	require.NoError(t, os.Mkdir(filepath.Join(dir, testLabels), 0o700))
	_, _, err := data.Load(dir)
	assert.ErrorContains(t, err, dir)
	assert.ErrorContains(t, err, testLabels)
}

// locked is a file system in which nothing may be opened.
type locked struct{}

func (locked) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}

func TestAFileThatMayNotBeReadIsNotCalledMissing(t *testing.T) {
	_, _, err := data.LoadFS(locked{})
	assert.ErrorIs(t, err, fs.ErrPermission)
	assert.NotErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, trainImages)
}
