package main

import (
	"strings"
	"testing"
)

func TestFlagsReachTheOperator(t *testing.T) {
	f, err := parse([]string{
		"--pipeline-image=registry.example.org/weir-pipeline:1", "--watch-namespace=a", "--watch-namespace=b",
		"--allow-network=198.51.100.7/24", "--concurrency=FeedSource=3", "--operator-label=app=weir", "--image-pull-secret=pull",
		"--leader-elect=false", "--secret-watch=false", "--log-level=debug",
	})
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case f.pods.Image != "registry.example.org/weir-pipeline:1", len(f.watchNamespaces) != 2, f.concurrency["FeedSource"] != 3,
		f.pods.AllowNetworks[0].String() != "198.51.100.0/24", f.pods.OperatorLabels["app"] != "weir", f.pods.PullSecrets[0] != "pull",
		f.leaderElect, f.secretWatch, f.pods.LogLevel != "debug":
		t.Errorf("%+v", f)
	}
}

func TestWrongFlagsAreNamed(t *testing.T) {
	image := "--pipeline-image=x"
	for want, args := range map[string][]string{
		"--pipeline-image is missing":    {},
		"unexpected argument \"extra\"":  {image, "extra"},
		"write a network such as":        {image, "--allow-network=10.0.0.0"},
		"write KIND=N with one of":       {image, "--concurrency=Pod=3"},
		"a number above 0":               {image, "--concurrency=Parser=0"},
		"--renew-deadline must be":       {image, "--renew-deadline=20s"},
		"write KEY=VALUE":                {image, "--operator-label=app"},
		"is empty":                       {image, "--watch-namespace="},
		"flag provided but not defined:": {image, "--no-such-flag"},
	} {
		if _, err := parse(args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}
