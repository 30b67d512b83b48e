package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/containerd/containerd/defaults"
	"github.com/containerd/containerd/mount"
	"github.com/containerd/containerd/plugin"
	"github.com/containerd/containerd/services/server"
	srvconfig "github.com/containerd/containerd/services/server/config"
	"github.com/containerd/containerd/sys"
	"github.com/containerd/containerd/version"
	"github.com/containerd/log"
)

type options struct{ config, address, level string }

// daemonMain takes containerd's --config, --address, --log-level and --version.
// It has no subcommands, and does not supervise itself.
func daemonMain() {
	keep(func(r *plugin.Registration) bool { return !ofShim(r) })
	var o options
	flag.StringVar(&o.config, "config", "", "path of the configuration")
	flag.StringVar(&o.address, "address", "", "socket for clients, before that of the configuration")
	flag.StringVar(&o.level, "log-level", "", "trace, debug, info, warn, error")
	show := flag.Bool("version", false, "print the version")
	flag.Parse()
	if *show {
		fmt.Printf("containerd %s %s %s\n", version.Package, version.Version, version.Revision)
		return
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "containerd:", err)
		os.Exit(1)
	}
}

// run serves until SIGTERM or SIGINT.
func run(o options) error {
	config, err := configuration(o)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	signal.Ignore(syscall.SIGPIPE)
	if err := server.CreateTopLevelDirectories(config); err != nil {
		return err
	}
	if err := clearTempMounts(ctx, config); err != nil {
		return err
	}
	log.G(ctx).WithField("version", version.Version).Info("starting containerd")
	made := make(chan error, 1)
	var s *server.Server
	// Opening the database waits while another containerd has it, so a signal must be able to end us meanwhile.
	go func() {
		var err error
		s, err = server.New(ctx, config)
		made <- err
	}()
	select {
	case err := <-made:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return nil
	}
	defer s.Stop()
	return serve(ctx, s, config)
}

func configuration(o options) (*srvconfig.Config, error) {
	config := &srvconfig.Config{
		Version: 1,
		Root:    defaults.DefaultRootDir,
		State:   defaults.DefaultStateDir,
		GRPC: srvconfig.GRPCConfig{
			Address:        defaults.DefaultAddress,
			MaxRecvMsgSize: defaults.DefaultMaxRecvMsgSize,
			MaxSendMsgSize: defaults.DefaultMaxSendMsgSize,
		},
	}
	if o.config != "" {
		if err := srvconfig.LoadConfig(o.config, config); err != nil {
			return nil, err
		}
	}
	if o.address != "" {
		config.GRPC.Address = o.address
	}
	if config.TTRPC.Address == "" {
		config.TTRPC.Address = config.GRPC.Address + ".ttrpc"
		config.TTRPC.UID, config.TTRPC.GID = config.GRPC.UID, config.GRPC.GID
	}
	level := o.level
	if level == "" {
		level = config.Debug.Level
	}
	if level == "" {
		return config, nil
	}
	return config, log.SetLevel(level)
}

// clearTempMounts unmounts what a containerd before us left behind.
func clearTempMounts(ctx context.Context, config *srvconfig.Config) error {
	if err := mount.SetTempMountLocation(filepath.Join(config.Root, "tmpmounts")); err != nil {
		return err
	}
	warnings, err := mount.CleanupTempMounts(0)
	for _, w := range append(warnings, err) {
		if w != nil {
			log.G(ctx).WithError(w).Warn("cleanup of temporary mounts")
		}
	}
	return nil
}

// serve listens on the two sockets: TTRPC for shims, gRPC for clients.
func serve(ctx context.Context, s *server.Server, config *srvconfig.Config) error {
	ended := make(chan error, 2)
	listen := func(address string, uid, gid int, serve func(net.Listener) error) error {
		l, err := sys.GetLocalListener(address, uid, gid)
		if err != nil {
			return fmt.Errorf("listening on %s: %w", address, err)
		}
		go func() {
			defer l.Close()
			ended <- serve(l)
		}()
		return nil
	}
	if err := listen(config.TTRPC.Address, config.TTRPC.UID, config.TTRPC.GID, s.ServeTTRPC); err != nil {
		return err
	}
	if err := listen(config.GRPC.Address, config.GRPC.UID, config.GRPC.GID, s.ServeGRPC); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		if err == nil {
			err = errors.New("a listener was closed")
		}
		return err
	}
}
