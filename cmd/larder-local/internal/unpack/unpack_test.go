package unpack_test

import (
	"archive/zip"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/cmd/larder-local/internal/unpack"
)

type file struct {
	name    string
	mode    fs.FileMode
	content string
}

// pack writes a zip and returns its path and an empty folder two levels deep.
func pack(t *testing.T, files ...file) (path, dir string) {
	t.Helper()
	base := t.TempDir()
	path, dir = filepath.Join(base, "layer.zip"), filepath.Join(base, "a", "opt")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	w := zip.NewWriter(out)
	for _, f := range files {
		header := &zip.FileHeader{Name: f.name, Method: zip.Deflate}
		header.SetMode(f.mode)
		entry, err := w.CreateHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entry.Write([]byte(f.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path, dir
}

func TestZip(t *testing.T) {
	t.Parallel()
	path, dir := pack(t,
		file{"extensions/", fs.ModeDir | 0o755, ""},
		file{"extensions/larder", 0o755, "program"},
		file{"extensions/link", fs.ModeSymlink | 0o777, "../other/readme"},
		file{"other/readme", 0o644, "text"}, // its folder has no entry
	)
	if err := unpack.Zip(path, dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]file{
		"extensions/larder": {mode: 0o755, content: "program"},
		"extensions/link":   {mode: 0o644, content: "text"},
		"other/readme":      {mode: 0o644, content: "text"},
	} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(content) != want.content {
			t.Errorf("%s holds %q (%v), want %q", name, content, err, want.content)
		}
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != want.mode {
			t.Errorf("%s: mode %v (%v), want %v", name, info.Mode(), err, want.mode)
		}
	}
}

func TestZipStaysInside(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		files []file
	}{
		{"parent", []file{{"../escaped", 0o644, "x"}}},
		{"parent inside", []file{{"a/../../escaped", 0o644, "x"}}},
		{"absolute", []file{{"/escaped", 0o644, "x"}}},
		{"link out", []file{{"escaped", fs.ModeSymlink | 0o777, "../.."}}},
		{"absolute link", []file{{"escaped", fs.ModeSymlink | 0o777, "/etc"}}},
		{"file over a link", []file{{"l", fs.ModeSymlink | 0o777, "m"}, {"l", 0o644, "x"}}},
		{"device", []file{{"escaped", fs.ModeDevice | 0o644, ""}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path, dir := pack(t, test.files...)
			if err := unpack.Zip(path, dir); err == nil {
				t.Error("Zip unpacked it")
			}
			filepath.WalkDir(filepath.Dir(path), func(path string, _ fs.DirEntry, _ error) error {
				if filepath.Base(path) == "escaped" {
					t.Errorf("Zip made %s", path)
				}
				return nil
			})
		})
	}
}

func TestZipThatIsNone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "layer.zip")
	if err := os.WriteFile(path, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unpack.Zip(path, t.TempDir()); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("Zip = %v, want an error that names %s", err, path)
	}
}
