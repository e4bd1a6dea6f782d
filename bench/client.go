package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// client sends as Entra does.
type client struct {
	base, secret string
	http         *http.Client
}

func newClient(base, secret string) *client {
	return &client{base, secret, &http.Client{Timeout: 5 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}}
}

// do sends a request and returns the body of the answer, which must be want.
func (c *client) do(want int, method, path, body string) ([]byte, error) {
	var out bytes.Buffer
	err := c.stream(want, method, path, body, &out)
	return out.Bytes(), err
}

func (c *client) stream(want int, method, path, body string, to io.Writer) error {
	r, err := http.NewRequest(method, c.base+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+c.secret)
	r.Header.Set("Content-Type", "application/scim+json")
	r.Header.Set("User-Agent", "Microsoft Azure Active Directory Provisioning")
	res, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != want {
		says, _ := io.ReadAll(io.LimitReader(res.Body, 500))
		return fmt.Errorf("%s %s: %d, want %d: %s", method, path, res.StatusCode, want, says)
	}
	_, err = io.Copy(to, res.Body)
	return err
}

// create posts and returns the new id.
func (c *client) create(path, body string) (string, error) {
	b, err := c.do(http.StatusCreated, "POST", path, body)
	if err != nil {
		return "", err
	}
	var made struct{ ID string }
	err = json.Unmarshal(b, &made)
	return made.ID, err
}

// found is how many resources a query has.
func (c *client) found(path string) (int, error) {
	b, err := c.do(http.StatusOK, "GET", path, "")
	if err != nil {
		return 0, err
	}
	var list struct{ TotalResults int }
	err = json.Unmarshal(b, &list)
	return list.TotalResults, err
}

// load is the machine's load average, because others use it too.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "?"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}

// spread does 0 to n-1 by so many workers, and stops at the first error.
func spread(workers, n int, do func(i int) error) error {
	next := make(chan int)
	failed := make(chan error, workers)
	stop := make(chan struct{})
	var once sync.Once
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range next {
				if err := do(i); err != nil {
					failed <- err
					once.Do(func() { close(stop) })
					return
				}
			}
		})
	}
feed:
	for i := range n {
		select {
		case next <- i:
		case <-stop:
			break feed
		}
	}
	close(next)
	wg.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}
