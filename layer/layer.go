// Package layer packs a folder into the zip of a Lambda layer: the same bytes for the same files,
// whoever packs them, wherever and whenever.
package layer

import (
	"archive/zip"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"
)

// Pack writes every file below root to w as a zip, which Lambda unpacks to /opt.
//
// Entries come in lexical order, with mode 0755 where a file is executable and 0644 elsewhere: of
// the packing machine neither the order, the umask nor the clock shows. Pack refuses anything that
// is not a regular file, a file in extensions/ that is not executable, and a layer without an
// extension: Lambda starts every file in that folder, and fails the function's init if it cannot.
func Pack(w io.Writer, root fs.FS) error {
	extensions, err := fs.Glob(root, "extensions/*")
	if err != nil {
		return err
	}
	if len(extensions) == 0 {
		return errors.New("no extension: nothing in extensions/")
	}
	zw := zip.NewWriter(w)
	zw.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	err = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if err := add(zw, root, name, entry); err != nil {
			return fmt.Errorf("packing %q: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return zw.Close()
}

func add(zw *zip.Writer, root fs.FS, name string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	switch executable := info.Mode()&0o111 != 0; {
	case !info.Mode().IsRegular():
		return errors.New("not a regular file")
	case executable:
		mode = 0o755
	case path.Dir(name) == "extensions":
		return errors.New("not executable, but Lambda starts every file in extensions/")
	}
	// The first instant that a zip can hold.
	modified := time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)
	header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: modified}
	header.SetMode(mode)
	entryWriter, err := zw.CreateHeader(header)
	if err != nil {
		return err
	}
	file, err := root.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(entryWriter, file)
	return err
}
