// Command manifests reads the examples for Kubernetes and Docker Compose as the
// programs read them that they are for: an unknown field, or a value of another
// type, is an error. It exists because neither program is needed to build ingest.
//
//	go run . FILE…
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/cli"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

func main() {
	code := 0
	for _, path := range os.Args[1:] {
		read := kubernetes
		if filepath.Base(path) == "compose.yaml" {
			read = compose
		}
		if err := read(path); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			code = 1
		}
	}
	os.Exit(code)
}

// compose reads a project as `docker compose config` does.
func compose(path string) error {
	options, err := cli.NewProjectOptions([]string{path}, cli.WithName("example"), cli.WithoutEnvironmentResolution)
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	for name, service := range project.Services {
		fmt.Printf("%s: service %s %v\n", path, name, service.Command)
	}
	return nil
}

// kubernetes reads each document of a file into the type of its kind.
func kubernetes(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal(document, &kind); err != nil {
			return err
		}
		object := objectOf(kind)
		if object == nil {
			return fmt.Errorf("%s %s: this kind is not known here", kind.APIVersion, kind.Kind)
		}
		if err := yaml.UnmarshalStrict(document, object); err != nil {
			return fmt.Errorf("%s: %w", kind.Kind, err)
		}
		fmt.Printf("%s: %s\n", path, kind.Kind)
	}
}

func objectOf(kind metav1.TypeMeta) any {
	switch kind.APIVersion + " " + kind.Kind {
	case "apps/v1 Deployment":
		return &appsv1.Deployment{}
	case "batch/v1 CronJob":
		return &batchv1.CronJob{}
	case "v1 ConfigMap":
		return &corev1.ConfigMap{}
	case "v1 Secret":
		return &corev1.Secret{}
	}
	return nil
}
