package plan

import (
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
)

func load(t *testing.T, files map[string]string) (Plan, error) {
	t.Helper()
	root := fstest.MapFS{}
	for path, text := range files {
		root["etc/lkbuild/"+path] = &fstest.MapFile{Data: []byte(text)}
	}
	return Load(root)
}

func TestMorePlansAreAppendedInTheOrderOfTheirNames(t *testing.T) {
	p, err := load(t, map[string]string{
		"image.json": `{"version":1,"hostname":"a","runtime":"/r","root_layers":["0"],
			"onboot":[{"name":"x","bundle":"/b","layers":["1"]}]}`,
		"image.d/90-b.json": `{"version":1,"host_services":[{"name":"two","command":["/2"]}],"hostname":"b"}`,
		"image.d/10-a.json": `{"version":1,"host_services":[{"name":"one","command":["/1"]}],"root_layers":["9"]}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	names := []string{p.HostServices[0].Name, p.HostServices[1].Name}
	if !reflect.DeepEqual(names, []string{"one", "two"}) || p.Hostname != "b" || p.Runtime != "/r" {
		t.Errorf("got %+v", p)
	}
	if !reflect.DeepEqual(p.RootLayers, []string{"0", "9"}) {
		t.Errorf("root layers %v", p.RootLayers)
	}
}

func TestAnImageOnADiskIsExtendedByWhatTheInitramfsHas(t *testing.T) {
	p, err := Load(fstest.MapFS{
		"etc/lkbuild/image.json":                {Data: []byte(`{"version":1,"hostname":"a","runtime":"/r"}`)},
		"etc/lkbuild/image.d/90-own.json":       {Data: []byte(`{"version":1,"hostname":"own"}`)},
		".early/etc/lkbuild/image.d/10-in.json": {Data: []byte(`{"version":1,"hostname":"early"}`)},
	})
	if err != nil || p.Hostname != "early" {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestWhatIsAbsentHasItsDefault(t *testing.T) {
	p, err := load(t, map[string]string{"image.json": `{"version":1,"runtime":"/r",
		"onboot":[{"name":"x","bundle":"/b","layers":["1"]}],
		"onshutdown":[{"name":"y","bundle":"/b","layers":["1"]}],
		"services":[{"name":"s","bundle":"/b","layers":["1"]}]}`})
	if err != nil {
		t.Fatal(err)
	}
	s := p.Services[0]
	if p.Onboot[0].OnFailure != "halt" || p.Onshutdown[0].OnFailure != "continue" {
		t.Errorf("on_failure: %+v %+v", p.Onboot[0], p.Onshutdown[0])
	}
	if s.Restart != "always" || s.StopSignal != "SIGTERM" || s.Signal() != 15 || s.RestartDelay != 1 || s.StopTimeout != 10 || !s.Ready.None() {
		t.Errorf("service: %+v", s)
	}
}

func TestAServiceReadsAllItsFields(t *testing.T) {
	p, err := load(t, map[string]string{"image.json": `{"version":1,"runtime":"/r","services":[
		{"name":"a","bundle":"/b","layers":["1"]},
		{"name":"s","bundle":"/c","layers":["1","2"],"readonly":true,"after":["a"],"restart":"never","restart_delay_s":0.5,
		 "restart_limit":3,"ready":{"unix":"/run/s"},"ready_timeout_s":60,"stop_signal":"SIGINT","stop_timeout_s":2.5}]}`})
	if err != nil {
		t.Fatal(err)
	}
	want := Service{
		Container: Container{Name: "s", Bundle: "/c", Layers: []string{"1", "2"}, ReadOnly: true},
		Supervision: Supervision{
			After: []string{"a"}, Restart: "never", RestartDelay: 0.5, RestartLimit: 3,
			Ready: Ready{Unix: "/run/s"}, ReadyTimeout: 60, StopSignal: "SIGINT", StopTimeout: 2.5,
		},
	}
	if !reflect.DeepEqual(p.Services[1], want) {
		t.Errorf("got %+v", p.Services[1])
	}
}

func TestAPlanThatCannotBeCarriedOutIsRefused(t *testing.T) {
	service := func(more string) string {
		return `{"name":"s","bundle":"/b","layers":["1"]` + more + `}`
	}
	for what, text := range map[string]string{
		"version 2":          `{"version":2}`,
		"not JSON":           `{`,
		"no runtime":         `{"version":1,"services":[` + service("") + `]}`,
		"is there twice":     `{"version":1,"runtime":"/r","services":[` + service("") + `,` + service("") + `]}`,
		"waits for itself":   `{"version":1,"runtime":"/r","services":[` + service(`,"after":["s"]`) + `]}`,
		"which is no":        `{"version":1,"runtime":"/r","services":[` + service(`,"after":["q"]`) + `]}`,
		`restart is "maybe"`: `{"version":1,"runtime":"/r","services":[` + service(`,"restart":"maybe"`) + `]}`,
		`stop_signal is`:     `{"version":1,"runtime":"/r","services":[` + service(`,"stop_signal":"TERM"`) + `]}`,
		"needs name, bundle": `{"version":1,"runtime":"/r","onboot":[{"name":"x","bundle":"/b"}]}`,
		`on_failure is`:      `{"version":1,"runtime":"/r","onboot":[{"name":"x","bundle":"/b","layers":["1"],"on_failure":"x"}]}`,
		"has no command":     `{"version":1,"host_services":[{"name":"x"}]}`,
	} {
		_, err := load(t, map[string]string{"image.json": text})
		if err == nil || what != "not JSON" && !strings.Contains(err.Error(), what) {
			t.Errorf("%s: got %v", what, err)
		}
	}
}
