package boot

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"lkbuild/init/internal/container"
	"lkbuild/init/internal/plan"
	"lkbuild/init/internal/proc"
	"lkbuild/init/internal/report"
	"lkbuild/init/internal/sys"
)

// runOnce runs a container to its end. The exit code is 124 when it ran out
// of time, as timeout(1) has it, and 125 when it could not be run.
func (b *boot) runOnce(ctx context.Context, c plan.Container) (exit int, took time.Duration, err error) {
	const outOfTime, notRun = 124, 125
	began := sys.SinceBoot()
	out := newOutput(c.Name)
	spec := specOf(c, filepath.Base(c.Bundle))
	defer func() {
		if err != nil || exit != 0 {
			b.reports.Text(c.Name, out.log.Tail())
		}
		took = sys.SinceBoot() - began
	}()
	writer, err := out.open()
	if err != nil {
		return notRun, 0, err
	}
	defer out.close()
	runtime := b.runtime()
	defer runtime.Remove(spec, writer)
	p, err := runtime.Start(spec, writer)
	if err != nil {
		return notRun, 0, err
	}
	status, inTime := await(ctx, p, seconds(c.Timeout))
	if !inTime {
		return outOfTime, 0, fmt.Errorf("took longer than %gs: %w", c.Timeout, os.ErrDeadlineExceeded)
	}
	return status.Exit, 0, nil
}

// await waits for the process, no longer than limit (0: for ever) or until ctx
// is done; then it is killed.
func await(ctx context.Context, p *proc.Process, limit time.Duration) (status proc.Status, inTime bool) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	select {
	case status = <-p.Done:
		return status, true
	case <-ctx.Done():
		p.Signal(syscall.SIGKILL)
		return <-p.Done, false
	}
}

// inOrder runs containers one after the other, and tells of each how it ended
// by say. It stops at the first failure that halts.
func (b *boot) inOrder(ctx context.Context, all []plan.Container, say func(report.Onboot) report.Event) error {
	for _, c := range all {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		exit, took, err := b.runOnce(ctx, c)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.reports.Say(say(report.Onboot{Name: c.Name, Exit: exit, Seconds: rounded(took)}))
		if err == nil && exit == 0 {
			continue
		}
		if err == nil {
			err = fmt.Errorf("exit %d", exit)
		}
		b.reports.Say(report.Failed{Name: c.Name, Error: err.Error()})
		if c.OnFailure == "halt" {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	return nil
}

func rounded(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

func (b *boot) runtime() container.Runtime {
	return container.Runtime{Path: b.plan.Runtime, Procs: b.procs, Patience: b.patience}
}
