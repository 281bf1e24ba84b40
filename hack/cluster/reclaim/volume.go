package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"sigs.k8s.io/yaml"
)

// volume is what is read of a PersistentVolume.
type volume struct {
	Metadata struct {
		Name            string `json:"name"`
		ResourceVersion string `json:"resourceVersion"`
	} `json:"metadata"`
	Spec struct {
		HostPath *struct {
			Path string `json:"path"`
		} `json:"hostPath"`
		ClaimRef *struct {
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
		} `json:"claimRef"`
	} `json:"spec"`
	Status struct {
		Phase string `json:"phase"`
	} `json:"status"`
}

// reclaimable reports whether a volume is a folder in dir whose claim is gone.
// Kubernetes keeps a claim as long as a pod uses it.
func (v volume) reclaimable(dir string) bool {
	return v.Status.Phase == "Released" && v.Spec.ClaimRef != nil && v.Spec.HostPath != nil && filepath.Dir(filepath.Clean(v.Spec.HostPath.Path)) == filepath.Clean(dir)
}

// reclaim empties the volume, then lets go of the claim that is gone.
func reclaim(ctx context.Context, c *client, v volume) error {
	entries, err := os.ReadDir(v.Spec.HostPath.Path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(v.Spec.HostPath.Path, e.Name())); err != nil {
			return err
		}
	}
	return c.release(ctx, v)
}

// client speaks to the API server. It is a few lines so that the program builds
// in a second.
type client struct {
	http          *http.Client
	server, token string
}

const timeout = 10 * time.Second

func newClient(kubeconfig string) (*client, error) {
	data, err := os.ReadFile(kubeconfig)
	if err != nil {
		return nil, err
	}
	var config struct {
		Clusters []struct {
			Cluster struct {
				Server string `json:"server"`
				CA     []byte `json:"certificate-authority-data"`
			} `json:"cluster"`
		} `json:"clusters"`
		Users []struct {
			User struct {
				Token string `json:"token"`
			} `json:"user"`
		} `json:"users"`
	}
	if err := yaml.Unmarshal(data, &config); err != nil {
		return nil, err
	}
	if len(config.Clusters) != 1 || len(config.Users) != 1 {
		return nil, fmt.Errorf("%s: want one cluster and one user", kubeconfig)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(config.Clusters[0].Cluster.CA) {
		return nil, errors.New("certificate-authority-data holds no certificate")
	}
	return &client{
		http:   &http.Client{Timeout: timeout, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}},
		server: config.Clusters[0].Cluster.Server,
		token:  config.Users[0].User.Token,
	}, nil
}

const path = "/api/v1/persistentvolumes"

func (c *client) list(ctx context.Context) ([]volume, error) {
	data, err := c.do(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return nil, err
	}
	var list struct {
		Items []volume `json:"items"`
	}
	return list.Items, json.Unmarshal(data, &list)
}

// release removes the claim from a volume that nobody changed since it was read.
func (c *client) release(ctx context.Context, v volume) error {
	patch, err := json.Marshal([]map[string]string{
		{"op": "test", "path": "/metadata/resourceVersion", "value": v.Metadata.ResourceVersion},
		{"op": "remove", "path": "/spec/claimRef"},
	})
	if err != nil {
		return err
	}
	_, err = c.do(ctx, http.MethodPatch, path+"/"+v.Metadata.Name, "application/json-patch+json", patch)
	return err
}

const maxAnswer = 16 << 20

func (c *client) do(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.server+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Accept", "application/json")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %.300s", method, path, resp.Status, data)
	}
	return data, nil
}
