package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A process is known by its id together with its start, so that an id the kernel gave to somebody else is never signalled.
type process struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // boot id and clock ticks since that boot
}

func identify(pid int) (process, error) {
	now, err := readStat(pid)
	if err != nil {
		return process{}, err
	}
	if now.state == "Z" || now.state == "X" {
		return process{}, fmt.Errorf("process %d has ended", pid)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return process{}, err
	}
	return process{PID: pid, Start: strings.TrimSpace(string(boot)) + "/" + now.start}, nil
}

// What is used of /proc/PID/stat, see proc(5).
type stat struct {
	state  string
	parent int
	start  string // clock ticks since the machine started
}

func readStat(pid int) (stat, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	return parseStat(string(content))
}

// The program's name in field 2 may hold spaces and brackets, so counting begins after its last bracket, with field 3.
func parseStat(content string) (stat, error) {
	fields := strings.Fields(content[strings.LastIndexByte(content, ')')+1:])
	if len(fields) < 20 {
		return stat{}, fmt.Errorf("/proc/PID/stat has fewer fields than proc(5) names: %q", content)
	}
	parent, err := strconv.Atoi(fields[1])
	return stat{state: fields[0], parent: parent, start: fields[19]}, err
}

func (p process) alive() bool {
	now, err := identify(p.PID)
	return err == nil && now == p
}

// Ends a process and waits until it is gone: asks first, then kills after the patience. Patience 0 kills at once.
func (p process) end(patience time.Duration) error {
	if patience > 0 && p.alive() {
		syscall.Kill(p.PID, syscall.SIGTERM)
		if p.goneWithin(patience) {
			return nil
		}
	}
	if p.alive() {
		syscall.Kill(p.PID, syscall.SIGKILL)
	}
	if !p.goneWithin(10 * time.Second) {
		return fmt.Errorf("process %d is still there 10 s after SIGKILL", p.PID)
	}
	return nil
}

func (p process) goneWithin(limit time.Duration) bool {
	for deadline := time.Now().Add(limit); p.alive(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// Starts a program in a session of its own with its output appended to a file. It outlives the launcher.
func startDetached(logFile string, argv ...string) (process, error) {
	if err := os.MkdirAll(filepath.Dir(logFile), 0o755); err != nil {
		return process{}, err
	}
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return process{}, err
	}
	defer log.Close()
	command := exec.Command(argv[0], argv[1:]...)
	command.Stdout, command.Stderr = log, log
	command.Dir = "/"
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return process{}, fmt.Errorf("starting %s: %w", argv[0], err)
	}
	go command.Wait() // reap it should it end while the launcher lives
	return identify(command.Process.Pid)
}

// The ids of all processes that live in the same mount namespace as the given one: exactly those of one instance's node.
func sharingMounts(pid int) []int {
	namespace, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", pid))
	if err != nil {
		return nil
	}
	if own, err := os.Readlink("/proc/self/ns/mnt"); err != nil || own == namespace {
		return nil
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []int
	for _, entry := range entries {
		other, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", other)); err == nil && link == namespace {
			found = append(found, other)
		}
	}
	return found
}
