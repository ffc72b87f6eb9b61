// Package unpack does with a layer what Lambda does: it unpacks the zip to a
// folder that stands in for /opt.
package unpack

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxBytes is what a function and all its layers may have unpacked.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const maxBytes = 250 << 20

// Zip unpacks the zip file at path into the existing folder dir and keeps the
// modes of the files. A zip with an entry that would lie or point outside of
// dir is refused; the folder then holds what came before that entry.
func Zip(path, dir string) (err error) {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return fmt.Errorf("opening the layer %s: %w", path, err)
	}
	defer archive.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpacking the layer: %w", err)
	}
	defer root.Close()
	left := int64(maxBytes)
	for _, file := range archive.File {
		if err := entry(root, file, &left); err != nil {
			return fmt.Errorf("layer %s: %q: %w", path, file.Name, err)
		}
	}
	return nil
}

// entry unpacks one file, folder or link. The root refuses whatever leads out
// of it, be it by the name or through a link that was unpacked before.
func entry(root *os.Root, file *zip.File, left *int64) error {
	name := filepath.FromSlash(strings.TrimSuffix(file.Name, "/"))
	if !filepath.IsLocal(name) {
		return errors.New("the name leads out of the layer")
	}
	if file.Mode().IsDir() {
		return root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	switch file.Mode().Type() {
	case 0:
		return regular(root, name, file, left)
	case fs.ModeSymlink:
		return link(root, name, file)
	default:
		return fmt.Errorf("a layer cannot hold a file of mode %v", file.Mode())
	}
}

func regular(root *os.Root, name string, file *zip.File, left *int64) (err error) {
	content, err := file.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	out, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	n, err := io.Copy(out, io.LimitReader(content, *left+1))
	if err != nil {
		return err
	}
	if *left -= n; *left < 0 {
		return fmt.Errorf("the layer is larger than the %d MB that Lambda allows", maxBytes>>20)
	}
	return out.Chmod(file.Mode().Perm()) // not subject to the umask
}

func link(root *os.Root, name string, file *zip.File) error {
	content, err := file.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	target, err := io.ReadAll(io.LimitReader(content, 4096))
	if err != nil {
		return err
	}
	if !filepath.IsLocal(filepath.Join(filepath.Dir(name), string(target))) || filepath.IsAbs(string(target)) {
		return errors.New("the link leads out of the layer")
	}
	return root.Symlink(string(target), name)
}
