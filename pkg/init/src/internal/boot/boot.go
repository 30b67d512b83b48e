// Package boot is the order of things: from the kernel's start of init to the
// machine's end. How each is done is in the other packages.
package boot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"lkbuild/init/internal/container"
	"lkbuild/init/internal/disk"
	"lkbuild/init/internal/logs"
	"lkbuild/init/internal/machine"
	"lkbuild/init/internal/modules"
	"lkbuild/init/internal/mounts"
	"lkbuild/init/internal/plan"
	"lkbuild/init/internal/power"
	"lkbuild/init/internal/proc"
	"lkbuild/init/internal/report"
	"lkbuild/init/internal/root"
	"lkbuild/init/internal/supervise"
	"lkbuild/init/internal/sys"
	"lkbuild/init/internal/trial"
	"lkbuild/init/internal/watchdog"
)

const (
	killGrace    = 3 * time.Second
	unmountLimit = 20 * time.Second
	flushLimit   = 2 * time.Second

	cpuModulesAfter = 30 * time.Second

	endLimit = time.Minute // for the end of what was not up in time
)

type boot struct {
	reports  *report.Reporter
	procs    *proc.Table
	plan     plan.Plan
	patience time.Duration // see machine.Patience
	modules  *modules.Tree
	services *supervise.Loop
	hosts    *supervise.Loop
	ask      chan power.Request

	cpuModules sync.Once

	trial    *trial.Trial // nil: the boot loader does not count this boot
	dog      *watchdog.Dog
	deadline *time.Timer  // of the trial
	passed   atomic.Bool  // the trial
}

// Run boots the machine and, when it is asked to, ends it. It does not return.
func Run() {
	b := &boot{reports: report.New(os.Stdout, "/dev/console"), procs: proc.NewTable(), ask: make(chan power.Request, 4)}
	signals := make(chan os.Signal, 4)
	for s := range power.Signals {
		signal.Notify(signals, s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		b.guarded(func() error { return b.start(ctx) })
	}()
	var request power.Request
	select {
	case s := <-signals:
		request = power.Signals[s]
	case request = <-b.ask:
	}
	cancel()
	<-finished
	b.guarded(func() error { return b.end(request) })
	power.End(request.Mode)
}

// guarded runs a part of init. An error or a bug is said, and ends the machine:
// PID 1 must not panic, and a machine half up must not look like one that is.
func (b *boot) guarded(part func() error) {
	defer func() {
		if bug := recover(); bug != nil {
			b.fail(fmt.Sprintf("bug in init: %v: %s", bug, debug.Stack()))
		}
	}()
	if err := part(); err != nil && !errors.Is(err, context.Canceled) {
		b.fail(err.Error())
	}
}

// fail ends the machine; where another image is to be started if this one
// does not come up, by starting anew.
func (b *boot) fail(text string) {
	b.reports.Say(report.Failed{Name: "init", Error: text})
	mode := power.Off
	if !b.passed.Load() && trial.Find() != nil {
		mode = power.Reboot
	}
	b.askFor(power.Request{Mode: mode, Reason: "failure"})
}

func (b *boot) askFor(r power.Request) {
	select {
	case b.ask <- r:
	default: // it is ending already
	}
}

func (b *boot) start(ctx context.Context) error {
	var err error
	b.plan, err = plan.Load(os.DirFS("/"))
	if errors.Is(err, fs.ErrNotExist) {
		return disk.Enter()
	}
	if err != nil {
		return err
	}
	if err := b.makeRoot(); err != nil {
		return err
	}
	b.setUp()
	for _, v := range b.plan.Volumes {
		if err := container.MountVolume(v.Name, v.Layers, v.ReadOnly); err != nil {
			return fmt.Errorf("volume %s: %w", v.Name, err)
		}
	}
	b.hosts = supervise.New(b.hostServices(), b.reports, func() {})
	go b.supervise(b.hosts)
	onboot := func(o report.Onboot) report.Event { return o }
	if err := b.inOrder(ctx, b.plan.Onboot, onboot); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	b.services = supervise.New(b.containers(), b.reports, b.sayUp)
	go b.supervise(b.services)
	return nil
}

func (b *boot) supervise(l *supervise.Loop) {
	b.guarded(func() error {
		l.Run()
		return nil
	})
}

// makeRoot gives this process its root, with the kernel's file systems.
func (b *boot) makeRoot() error {
	loadErr := modules.Open("/").Load("overlay")
	if err := root.Make(b.plan.RootLayers); err != nil {
		return errors.Join(err, loadErr)
	}
	missing, err := mounts.Base()
	b.reports.Reopen(machine.Consoles())
	for _, m := range missing {
		b.complain(errors.New(m))
	}
	if err != nil {
		return err
	}
	b.reports.SetLog(logs.Open(logDir + "/init.log"))
	return mounts.MakeShared()
}

// setUp does what belongs to the machine. None of it ends the boot: what
// really lacks will be missed by the container that needs it.
func (b *boot) setUp() {
	cmdline := machine.Cmdline()
	for _, word := range cmdline {
		if word == "lkbuild.quiet" {
			b.reports.SetQuiet(true)
		}
	}
	b.patience = machine.Patience(cmdline)
	b.reports.Say(report.Boot{Version: plan.Version, Kernel: sys.KernelRelease()})
	b.complain(machine.Setup(b.plan.Hostname, cmdline))
	b.complain(mounts.EnableControllers())
	if b.plan.Bundles != "" {
		b.complain(machine.MakeResolver())
	}
	for _, folder := range b.plan.Empty {
		b.reports.Say(report.Failed{Name: path.Base(folder), Error: "there is no config.json in " + folder})
	}
	b.modules = modules.Open("/")
	b.complain(trial.Mount(b.modules))
	b.watchTrial()
	if b.modules == nil {
		return
	}
	b.complain(machine.ServeModules())
	if err := b.modules.Load("virtio_console"); err != nil {
		b.complain(err)
	}
	b.complain(b.modules.MakeNodes("/dev"))
	b.complain(b.modules.Hotplug())
	b.complain(b.modules.Coldplug("/sys/devices"))
	time.AfterFunc(cpuModulesAfter, b.loadCPUModules)
}

// watchTrial gives a boot that is counted its time: a service that is never
// ready must not keep the machine from falling back, nor must an init that
// hangs, which the machine's watchdog ends.
func (b *boot) watchTrial() {
	if b.trial = trial.Find(); b.trial == nil {
		return
	}
	said := report.Trial{Slot: b.trial.Name(), WithinS: b.plan.UpWithin}
	var err error
	if b.dog, err = watchdog.Arm(seconds(b.plan.UpWithin) + endLimit); err == nil {
		said.WatchdogS = watchdog.Timeout.Seconds()
	} else if !errors.Is(err, fs.ErrNotExist) {
		b.complain(err)
	}
	b.reports.Say(said)
	b.deadline = time.AfterFunc(seconds(b.plan.UpWithin)-sys.SinceBoot(), func() {
		b.fail(fmt.Sprintf("not up within %gs", b.plan.UpWithin))
	})
}

// passTrial tells the boot loader that the machine is up.
func (b *boot) passTrial() {
	if b.trial == nil || !b.deadline.Stop() {
		return
	}
	b.complain(b.dog.Disarm())
	if err := b.trial.Good(); err != nil {
		b.reports.Say(report.Failed{Name: "trial", Error: err.Error()})
		return
	}
	b.passed.Store(true)
	b.reports.Say(report.Good{Slot: b.trial.Name()})
}

// loadCPUModules loads what uses the processor's features: ciphers, mostly.
// Nothing needs them to work, so they wait until the services are up, or have
// had their time.
func (b *boot) loadCPUModules() {
	b.cpuModules.Do(func() { b.complain(b.modules.ColdplugCPU("/sys/devices")) })
}

// complain says what is wrong, without consequence.
func (b *boot) complain(err error) {
	if err != nil {
		b.reports.Say(report.Warning{Text: err.Error()})
	}
}

func (b *boot) containers() []supervise.Service {
	var out []supervise.Service
	for _, s := range b.plan.Services {
		out = append(out, supervise.Service{Name: s.Name, After: s.After, Policy: policyOf(s.Supervision, b.patience), Unit: newContainerUnit(b.runtime(), s)})
	}
	return out
}

func (b *boot) hostServices() []supervise.Service {
	var out []supervise.Service
	for _, h := range b.plan.HostServices {
		out = append(out, supervise.Service{Name: h.Name, Policy: policyOf(h.Supervision, b.patience), Unit: newHostUnit(b.procs, h)})
	}
	return out
}

func (b *boot) sayUp() {
	debug.FreeOSMemory()
	b.reports.Say(report.Up{Seconds: rounded(sys.SinceBoot()), MemoryUsedKiB: machine.MemoryUsed()})
	go b.guarded(func() error {
		b.passTrial()
		b.loadCPUModules()
		return nil
	})
}

// end stops everything, in order.
func (b *boot) end(request power.Request) error {
	b.reports.Say(report.Shutdown{Reason: request.Reason})
	if b.services != nil {
		b.services.Stop()
	}
	onshutdown := func(o report.Onboot) report.Event { return report.Onshutdown(o) }
	err := b.inOrder(context.Background(), b.plan.Onshutdown, onshutdown)
	if b.hosts != nil {
		b.hosts.Stop()
	}
	power.KillAll(killGrace)
	for _, target := range power.Unmount(unmountLimit) {
		b.reports.Say(report.Failed{Name: "init", Error: "could not unmount " + target})
	}
	b.reports.Say(report.Down{})
	b.reports.Flush(flushLimit)
	return err
}
