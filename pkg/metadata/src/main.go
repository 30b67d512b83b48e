// Command metadata asks the platform that a machine runs on for its host name,
// SSH keys and user data, and lays them out in /run/config as LinuxKit does.
//
//	metadata [--timeout=60s] [--folder=/run/config] [PROVIDER...]
//
// Without a name it finds out whom to ask. It ends with 0 where nobody told
// anything, and with 1 where somebody did and something was wrong with it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"lkbuild/metadata/internal/config"
	"lkbuild/metadata/internal/machine"
	"lkbuild/metadata/internal/provider"
	"lkbuild/metadata/internal/volume"
)

func main() {
	timeout := flag.Duration("timeout", time.Minute, "how long a platform's server may take to answer")
	folder := flag.String("folder", "/run/config", "where the files go")
	flag.Parse()
	if err := run(flag.Args(), *folder, *timeout); err != nil {
		fmt.Fprintln(os.Stderr, "metadata:", err)
		os.Exit(1)
	}
}

func run(names []string, folder string, timeout time.Duration) error {
	providers, err := choose(names)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	for _, p := range providers {
		data, err := p.Fetch(ctx)
		if errors.Is(err, machine.ErrAbsent) {
			fmt.Printf("metadata: %s: %v\n", p.Name(), err)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name(), err)
		}
		return take(ctx, p, data, folder)
	}
	fmt.Println("metadata: nobody here has any")
	return nil
}

func choose(names []string) ([]machine.Provider, error) {
	firmware := provider.Firmware{Vendor: dmi("sys_vendor"), Product: dmi("product_name"), AssetTag: dmi("chassis_asset_tag")}
	shelf := volume.Devices{}
	if len(names) == 0 {
		return provider.Detect(firmware, shelf), nil
	}
	var found []machine.Provider
	for _, name := range names {
		p, err := provider.Named(name, firmware, shelf)
		if err != nil {
			return nil, err
		}
		found = append(found, p)
	}
	return found, nil
}

func dmi(name string) string {
	text, _ := os.ReadFile("/sys/class/dmi/id/" + name)
	return strings.TrimSpace(string(text))
}

// take writes what was told, names the machine, and says so to the platform.
func take(ctx context.Context, p machine.Provider, data *machine.Data, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	errs := []error{config.Write(root, p.Name(), data)}
	if data.Hostname != "" {
		if err := syscall.Sethostname([]byte(short(data.Hostname))); err != nil {
			errs = append(errs, fmt.Errorf("host name %q: %w", data.Hostname, err))
		}
	}
	if r, ok := p.(machine.Reporter); ok {
		errs = append(errs, r.Report(ctx))
	}
	fmt.Printf("metadata: %s: host name %q, %d SSH keys, %d bytes of user data\n", p.Name(), data.Hostname, len(data.Keys), len(data.Userdata))
	return errors.Join(errs...)
}

// short leaves the domain out of a name that is longer than the kernel takes (__NEW_UTS_LEN).
func short(name string) string {
	if len(name) > 64 {
		name, _, _ = strings.Cut(name, ".")
	}
	return name
}
