package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
)

const pauseImage = "tanren.test/pause:1"

// An image of one static program as a docker archive, so that no registry and no image builder is needed for it.
func imageOf(program, name string) (io.Reader, error) {
	content, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	layer, err := archive([]entry{{"pause", content, 0o755}})
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(layer)
	configuration, err := json.Marshal(object{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": object{"Entrypoint": []string{"/pause"}, "User": "65535:65535"},
		"rootfs": object{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(digest[:])}},
	})
	if err != nil {
		return nil, err
	}
	manifest, err := json.Marshal([]object{{"Config": "config.json", "RepoTags": []string{name}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return nil, err
	}
	whole, err := archive([]entry{{"layer.tar", layer, 0o644}, {"config.json", configuration, 0o644}, {"manifest.json", manifest, 0o644}})
	return bytes.NewReader(whole), err
}

type entry struct {
	name    string
	content []byte
	mode    int64
}

func archive(entries []entry) ([]byte, error) {
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	for _, e := range entries {
		if err := writer.WriteHeader(&tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.content))}); err != nil {
			return nil, err
		}
		if _, err := writer.Write(e.content); err != nil {
			return nil, err
		}
	}
	err := writer.Close()
	return buffer.Bytes(), err
}

func (i *instance) loadImageFile(file string) error {
	if file == "-" {
		return i.loadImage(os.Stdin)
	}
	opened, err := os.Open(file)
	if err != nil {
		return err
	}
	defer opened.Close()
	if err := i.loadImage(opened); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// By standard input, because the node does not see all of this machine's folders.
func (i *instance) loadImage(archive io.Reader) error {
	if !i.Node {
		return fmt.Errorf("cluster %s has no node to give an image to: start it with --node", i.Name)
	}
	importing := i.insideCommand("ctr", "--namespace", "k8s.io", "images", "import", "--snapshotter", i.snapshotter(), "-")
	importing.Stdin = archive
	if output, err := importing.CombinedOutput(); err != nil {
		return fmt.Errorf("importing an image: %w: %s", err, output)
	}
	return nil
}
