package plan

import "fmt"

const (
	defaultDelay       = 1.0  // seconds
	defaultStopTimeout = 10.0 // seconds
	defaultUpWithin    = 300.0
)

func (p *Plan) setDefaults() {
	if p.UpWithin <= 0 {
		p.UpWithin = defaultUpWithin
	}
	for i := range p.Onboot {
		setIfEmpty(&p.Onboot[i].OnFailure, "halt")
	}
	for i := range p.Onshutdown {
		setIfEmpty(&p.Onshutdown[i].OnFailure, "continue")
	}
	for i := range p.Services {
		p.Services[i].Supervision.setDefaults()
	}
	for i := range p.HostServices {
		p.HostServices[i].Supervision.setDefaults()
	}
}

func (s *Supervision) setDefaults() {
	setIfEmpty(&s.Restart, "always")
	setIfEmpty(&s.StopSignal, "SIGTERM")
	if s.RestartDelay <= 0 {
		s.RestartDelay = defaultDelay
	}
	if s.StopTimeout <= 0 {
		s.StopTimeout = defaultStopTimeout
	}
}

func setIfEmpty(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

// check finds what would only show later, in the middle of a boot.
func (p *Plan) check() error {
	if p.Runtime == "" && len(p.Onboot)+len(p.Services)+len(p.Onshutdown) > 0 {
		return fmt.Errorf("there are containers, but no runtime")
	}
	for _, c := range append(append([]Container(nil), p.Onboot...), p.Onshutdown...) {
		if err := c.check(); err != nil {
			return err
		}
		if c.OnFailure != "halt" && c.OnFailure != "continue" {
			return fmt.Errorf("%s: on_failure is %q", c.Name, c.OnFailure)
		}
	}
	after := map[string][]string{}
	for _, s := range p.Services {
		if _, twice := after[s.Name]; twice {
			return fmt.Errorf("service %s is there twice", s.Name)
		}
		after[s.Name] = s.After
		if err := s.Container.check(); err != nil {
			return err
		}
		if err := s.Supervision.check(s.Name); err != nil {
			return err
		}
	}
	for _, h := range p.HostServices {
		if len(h.Command) == 0 {
			return fmt.Errorf("host service %s has no command", h.Name)
		}
		if err := h.Supervision.check(h.Name); err != nil {
			return err
		}
	}
	return checkOrder(after)
}

func (c Container) check() error {
	if c.Name == "" || c.Bundle == "" || len(c.Layers) == 0 {
		return fmt.Errorf("container %q needs name, bundle and layers", c.Name)
	}
	return nil
}

func (s Supervision) check(name string) error {
	switch s.Restart {
	case "always", "on-failure", "never":
	default:
		return fmt.Errorf("%s: restart is %q", name, s.Restart)
	}
	if _, ok := signals[s.StopSignal]; !ok {
		return fmt.Errorf("%s: stop_signal is %q", name, s.StopSignal)
	}
	return nil
}

// checkOrder finds names in `after` that no service has, and cycles.
func checkOrder(after map[string][]string) error {
	const open, closed = 1, 2
	state := map[string]int{}
	var visit func(name string) error
	visit = func(name string) error {
		switch state[name] {
		case open:
			return fmt.Errorf("service %s waits for itself", name)
		case closed:
			return nil
		}
		state[name] = open
		for _, dep := range after[name] {
			if _, known := after[dep]; !known {
				return fmt.Errorf("service %s: after %s, which is no service", name, dep)
			}
			if err := visit(dep); err != nil {
				return err
			}
		}
		state[name] = closed
		return nil
	}
	for name := range after {
		if err := visit(name); err != nil {
			return err
		}
	}
	return nil
}
