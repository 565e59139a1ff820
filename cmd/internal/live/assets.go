package live

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

//go:embed page/*.html page/*.css page/*.js page/icon.svg page/uplot/uPlot.iife.min.js page/uplot/uPlot.min.css
var files embed.FS

// A document is a page's own part of its HTML, around which frame.html is that of all.
type document struct {
	Name    string // of its script and of its main part, without extensions
	Title   string // until there is one that says more
	Table   string // the id of its table, for those who skip the charts, and what it has
	Rows    string
	Without string // where the numbers are without JavaScript
	Main    template.HTML
}

var documents = []document{
	{
		Name: "run", Title: "metatrain", Table: "validations", Rows: "validations",
		Without: "The same numbers are in log.jsonl in the run's folder, and under /metrics.",
	},
	{
		Name: "comparison", Title: "compare", Table: "results", Rows: "results",
		Without: "The command prints the same numbers as a table when it ends.",
	},
}

// An asset is a file of the page.
type asset struct {
	path, kind string
	plain      []byte
	packed     []byte // by gzip
	tag        string
}

// The types of the files.
const (
	html   = "text/html; charset=utf-8"
	style  = "text/css; charset=utf-8"
	script = "text/javascript; charset=utf-8"
)

// assets are the files of each document, by where they are served, made when they are first asked for.
var assets = sync.OnceValue(func() map[string][]*asset {
	shared := []*asset{
		newAsset("/page.css", style, read("uplot/uPlot.min.css", "live.css")), newAsset("/icon.svg", "image/svg+xml", read("icon.svg")),
	}
	frame := template.Must(template.New("frame").Parse(string(read("frame.html"))))
	all := make(map[string][]*asset)
	for _, d := range documents {
		d.Main = template.HTML(read(d.Name + ".html"))
		var text bytes.Buffer
		if err := frame.Execute(&text, d); err != nil {
			panic(err) // it is embedded
		}
		all[d.Name] = append([]*asset{
			newAsset("/{$}", html, text.Bytes()), newAsset("/page.js", script, read("uplot/uPlot.iife.min.js", "parts.js", d.Name+".js")),
		}, shared...)
	}
	return all
})

// read returns files one behind the other: one request is sooner answered than several.
func read(names ...string) (all []byte) {
	for _, name := range names {
		text, err := files.ReadFile("page/" + name)
		if err != nil {
			panic(err) // it is embedded
		}
		all = append(all, text...)
		all = append(all, '\n')
	}
	return all
}

func newAsset(path, kind string, plain []byte) *asset {
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
