package layer_test

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"larder/layer"
)

func TestPack(t *testing.T) {
	t.Parallel()
	yesterday := fstest.MapFS{
		"extensions/larder": {Data: []byte("program"), Mode: 0o700, ModTime: time.Unix(1, 0)},
		"larder/LICENSE":    {Data: []byte("licence"), Mode: 0o600},
		"a":                 {Data: []byte("first"), Mode: 0o666},
	}
	elsewhere := fstest.MapFS{
		"a":                 {Data: []byte("first"), Mode: 0o444, ModTime: time.Unix(2, 0)},
		"larder/LICENSE":    {Data: []byte("licence"), Mode: 0o644},
		"extensions/larder": {Data: []byte("program"), Mode: 0o755 | fs.ModeSetuid},
	}
	packed := pack(t, yesterday)
	if !bytes.Equal(packed, pack(t, elsewhere)) {
		t.Error("Pack: the same files with other times, umasks and order give other bytes")
	}

	want := []file{
		{"a", 0o644, "first"},
		{"extensions/larder", 0o755, "program"},
		{"larder/LICENSE", 0o644, "licence"},
	}
	got := unpack(t, packed)
	if len(got) != len(want) {
		t.Fatalf("Pack wrote %d entries, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("entry %d = %v, want %v", i, got[i], want[i])
		}
	}
}

func TestPackRefuses(t *testing.T) {
	t.Parallel()
	program := &fstest.MapFile{Mode: 0o755}
	tests := []struct {
		name string
		root fstest.MapFS
		want string
	}{
		{"nothing", fstest.MapFS{}, "no extension"},
		{"no extension", fstest.MapFS{"extensions": {Mode: fs.ModeDir | 0o755}, "larder/LICENSE": {}}, "no extension"},
		{"a note beside the extension", fstest.MapFS{"extensions/larder": program, "extensions/README": {Mode: 0o644}}, `"extensions/README": not executable`},
		{"a link", fstest.MapFS{"extensions/larder": program, "bin/larder": {Mode: fs.ModeSymlink | 0o777}}, `"bin/larder": not a regular file`},
	}
	for _, test := range tests {
		err := layer.Pack(io.Discard, test.root)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Pack = %v, want an error with %q", test.name, err, test.want)
		}
	}
}

// file is one entry of a zip.
type file struct {
	name    string
	mode    fs.FileMode
	content string
}

func pack(t *testing.T, root fs.FS) []byte {
	t.Helper()
	var packed bytes.Buffer
	if err := layer.Pack(&packed, root); err != nil {
		t.Fatalf("Pack: %v", err)
	}
	return packed.Bytes()
}

func unpack(t *testing.T, packed []byte) []file {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	var files []file
	for _, entry := range archive.File {
		reader, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatalf("%s: %v", entry.Name, err)
		}
		files = append(files, file{entry.Name, entry.Mode(), string(content)})
	}
	return files
}
