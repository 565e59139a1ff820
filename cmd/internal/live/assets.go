package live

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

//go:embed page/index.html page/live.css page/live.js page/icon.svg page/uplot/uPlot.iife.min.js page/uplot/uPlot.min.css
var files embed.FS

// An asset is a file of the page.
type asset struct {
	path, kind string
	plain      []byte
	packed     []byte // by gzip
	tag        string
}

// assets are the page's files, by where they are served, made when they are first asked for.
var assets = sync.OnceValue(func() []*asset {
	return []*asset{
		newAsset("/{$}", "index.html", "text/html; charset=utf-8"),
		newAsset("/live.css", "live.css", "text/css; charset=utf-8"),
		newAsset("/live.js", "live.js", "text/javascript; charset=utf-8"),
		newAsset("/icon.svg", "icon.svg", "image/svg+xml"),
		newAsset("/uplot.js", "uplot/uPlot.iife.min.js", "text/javascript; charset=utf-8"),
		newAsset("/uplot.css", "uplot/uPlot.min.css", "text/css; charset=utf-8"),
	}
})

func newAsset(path, name, kind string) *asset {
	plain, err := files.ReadFile("page/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(plain) // to memory
	z.Close()
	return &asset{path, kind, plain, packed.Bytes(), fmt.Sprintf(`"%x"`, sha256.Sum256(plain))[:17] + `"`}
}

// ServeHTTP sends the file, or word that it has not changed.
func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("ETag", a.tag)
	h.Set("Vary", "Accept-Encoding")
	if r.Header.Get("If-None-Match") == a.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := a.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		body = a.packed
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Type", a.kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body)
}
