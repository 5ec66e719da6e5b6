package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// A client of the instance's API with the rights of an administrator; just enough to wait and to apply a few objects.
type api struct {
	server string
	client *http.Client
}

func (i *instance) api() (*api, error) {
	authority, err := os.ReadFile(i.pki("ca.crt"))
	if err != nil {
		return nil, err
	}
	certificate, err := tls.LoadX509KeyPair(i.pki("admin.crt"), i.pki("admin.key"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}}}
	return &api{i.Server, &http.Client{Transport: transport, Timeout: 10 * time.Second}}, nil
}

func (a *api) do(method, path string, contentType string, body []byte) ([]byte, error) {
	request, err := http.NewRequest(method, a.server+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", contentType)
	response, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, response.Status, content)
	}
	return content, nil
}

func (a *api) get(path string, into any) error {
	content, err := a.do(http.MethodGet, path, "application/json", nil)
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(content, into)
}

// Server-side apply: makes the object, or makes it so again.
func (a *api) apply(path string, object any) error {
	body, err := json.Marshal(object)
	if err != nil {
		return err
	}
	_, err = a.do(http.MethodPatch, path+"?fieldManager=tanren-launcher&force=true", "application/apply-patch+yaml", body)
	return err
}
