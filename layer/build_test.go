package layer_test

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// architectures are Lambda's words for them and what stands in the head of their programs.
var architectures = map[string]elf.Machine{"x86_64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// programs are those of the layer and the tags that each is built with: none speaks HTTP/2.
var programs = map[string]string{"extensions/larder": "nethttpomithttp2", "larder-exec": ""}

// limit bounds a zip: Lambda fetches and unpacks it at cold starts. See docs/startup.md.
const limit = 4_200_000

// TestMakeLayer builds the zips from two copies of the tree, of which one is a Git repository and
// has a builder with settings of his own.
func TestMakeLayer(t *testing.T) {
	t.Parallel()
	plain, repository := copyTree(t), copyTree(t)
	commit(t, repository)
	run(t, plain, nil, "make", "layer")
	run(t, repository, []string{"GOFLAGS=-buildvcs=true -tags=other", "GOAMD64=v3", "GOARM64=v9.0", "CGO_ENABLED=1", "TZ=Asia/Tokyo"}, "make", "layer")

	for architecture, machine := range architectures {
		name := filepath.Join("dist", "larder-"+architecture+".zip")
		packed := read(t, filepath.Join(plain, name))
		if !bytes.Equal(packed, read(t, filepath.Join(repository, name))) {
			t.Errorf("%s differs from folder to folder", name)
		}
		if len(packed) > limit {
			t.Errorf("%s has %d bytes, want %d at most", name, len(packed), limit)
		}
		checkReadme(t, string(read(t, filepath.Join(plain, "README.md"))), architecture, len(packed))
		files := unpack(t, packed)
		var got []string
		for _, file := range files {
			got = append(got, file.mode.String()+" "+file.name)
		}
		if got, want := strings.Join(got, "\n"), "-rwxr-xr-x extensions/larder\n-rw-r--r-- larder/LICENSE\n-rw-r--r-- larder/NOTICE\n-rwxr-xr-x larder-exec"; got != want {
			t.Fatalf("%s holds\n%s\nwant\n%s", name, got, want)
		}
		extension, notice, wrapper := files[0], files[2], files[3]
		for _, program := range []file{extension, wrapper} {
			checkProgram(t, name+": "+program.name, []byte(program.content), machine, programs[program.name], plain)
		}
		checkNotice(t, modules(t, extension), notice.content)
		if found := modules(t, wrapper); len(found) > 0 {
			t.Errorf("%s: larder-exec has modules linked in, want the standard library alone: %v", name, found)
		}
	}
}

// checkReadme checks the size of a zip in the README, in millions of bytes. The tenth that it may be
// off is what it is rounded to: not every commit changes the README.
func checkReadme(t *testing.T, readme, architecture string, size int) {
	t.Helper()
	_, sizes, _ := strings.Cut(readme, "The zip has ")
	before, _, _ := strings.Cut(sizes, " MB for "+architecture)
	said, err := strconv.ParseFloat(before[strings.LastIndex(before, " ")+1:], 64)
	if actual := float64(size) / 1e6; err != nil || math.Abs(said-actual) > 0.1 {
		t.Errorf("the README has %v MB for the zip of %s (%v), want %.1f", said, architecture, err, actual)
	}
}

// TestMakeForSAM does what `sam build` does with every layer of the template: it runs the target
// build-<LogicalId> in a copy of the tree.
func TestMakeForSAM(t *testing.T) {
	t.Parallel()
	tree := copyTree(t)
	var template struct {
		Resources map[string]struct {
			Type     string `yaml:"Type"`
			Metadata struct {
				BuildMethod       string `yaml:"BuildMethod"`
				BuildArchitecture string `yaml:"BuildArchitecture"`
			} `yaml:"Metadata"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(read(t, filepath.Join(tree, "template.yaml")), &template); err != nil {
		t.Fatal(err)
	}
	built := make(map[string]bool)
	for id, resource := range template.Resources {
		if resource.Type != "AWS::Serverless::LayerVersion" {
			continue
		}
		if resource.Metadata.BuildMethod != "makefile" {
			t.Errorf("%s has BuildMethod %q, want makefile", id, resource.Metadata.BuildMethod)
		}
		artifacts := t.TempDir()
		run(t, tree, []string{"ARTIFACTS_DIR=" + artifacts}, "make", "build-"+id)
		for name, tags := range programs {
			program := filepath.Join(artifacts, name)
			checkProgram(t, id+": "+name, read(t, program), architectures[resource.Metadata.BuildArchitecture], tags, tree)
			if info, err := os.Stat(program); err != nil || info.Mode().Perm() != 0o755 {
				t.Errorf("%s: %s has mode %v (%v), want 0755", id, name, info.Mode(), err)
			}
		}
		built[resource.Metadata.BuildArchitecture] = true
	}
	if len(built) != len(architectures) {
		t.Errorf("the template builds layers for %v, want all of %v", built, architectures)
	}
}

// checkProgram checks that a program is static, made for machine with those tags, and free of traces
// of where and from what commit it was built.
func checkProgram(t *testing.T, name string, program []byte, machine elf.Machine, tags, folder string) {
	t.Helper()
	head, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if head.Machine != machine {
		t.Errorf("%s is for %v, want %v", name, head.Machine, machine)
	}
	for _, segment := range head.Progs {
		if segment.Type == elf.PT_INTERP || segment.Type == elf.PT_DYNAMIC {
			t.Errorf("%s has a segment %v: it is not static", name, segment.Type)
		}
	}
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	settings := make(map[string]string)
	for _, setting := range info.Settings {
		settings[setting.Key] = setting.Value
		if strings.HasPrefix(setting.Key, "vcs") {
			t.Errorf("%s is stamped with %s", name, setting.Key)
		}
	}
	for key, want := range map[string]string{"-trimpath": "true", "CGO_ENABLED": "0", "GOOS": "linux", "-tags": tags} {
		if settings[key] != want {
			t.Errorf("%s was built with %s=%q, want %q", name, key, settings[key], want)
		}
	}
	if bytes.Contains(program, []byte(folder)) {
		t.Errorf("%s names the folder that it was built in", name)
	}
}

// modules returns the paths of those that are linked into a program.
func modules(t *testing.T, program file) []string {
	t.Helper()
	info, err := buildinfo.Read(strings.NewReader(program.content))
	if err != nil {
		t.Fatalf("%s: %v", program.name, err)
	}
	var paths []string
	for _, module := range info.Deps {
		paths = append(paths, module.Path)
	}
	return paths
}

// checkNotice checks that the notice names every module.
func checkNotice(t *testing.T, modules []string, notice string) {
	t.Helper()
	for _, module := range modules {
		// A repository may hold many modules: github.com/owner/name/...
		parts := strings.Split(module, "/")
		if repository := strings.Join(parts[:min(3, len(parts))], "/"); !strings.Contains(notice, repository+" ") {
			t.Errorf("layer/NOTICE says nothing of %s, which is linked in", repository)
		}
	}
}

// copyTree copies what is in the repository to a folder of its own, without .git. It opens every file
// itself, so that the go command runs the test again when one has changed.
func copyTree(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("skipped: there is no make")
	}
	from, to := os.DirFS(".."), t.TempDir()
	err := fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == ".git" || name == "dist" || name == ".aws-sam"):
			return fs.SkipDir
		case name == ".git": // a file in a work tree of Git's
			return nil
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		content, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), content, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// commit makes folder a Git repository, of which `go build` would stamp the commit.
func commit(t *testing.T, folder string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Log("there is no git: the copy stays a plain folder")
		return
	}
	run(t, folder, nil, "git", "init", "--quiet")
	run(t, folder, nil, "git", "add", ".")
	run(t, folder, nil, "git", "-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "--quiet", "--message=test")
}

func run(t *testing.T, folder string, env []string, command string, args ...string) {
	t.Helper()
	cmd := exec.Command(command, args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), env...)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, output)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
