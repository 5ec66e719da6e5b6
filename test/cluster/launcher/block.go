package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// A block is one number from which everything follows that instances on one machine must not share: ports, the
// network namespace's link and the ranges of pods and services.
const (
	blocks       = 200
	firstPort    = 20000 // below the kernel's default range of ephemeral ports
	portsInBlock = 16
)

type port int

const (
	portEtcd port = iota
	portEtcdPeer
	portAPIServer
	portControllerManager
	portScheduler
	portsUsed
)

func portOf(block int, which port) int { return firstPort + block*portsInBlock + int(which) }

func linkName(block int) string          { return fmt.Sprintf("tanren%d", block) }
func hostAddress(block int) string       { return fmt.Sprintf("10.215.%d.1", block) }
func nodeAddress(block int) string       { return fmt.Sprintf("10.215.%d.2", block) }
func podRange(block int) string          { return fmt.Sprintf("10.213.%d.0/24", block) }
func serviceRange(block int) string      { return fmt.Sprintf("10.214.%d.0/24", block) }
func apiServiceAddress(block int) string { return fmt.Sprintf("10.214.%d.1", block) }
func dnsServiceAddress(block int) string { return fmt.Sprintf("10.214.%d.10", block) }

// Claims a block nobody uses. The claim is a name that the kernel frees with this process; once the instance runs, its
// open ports are the claim. So call the returned function only after the instance's ports are open.
func claimBlock() (int, func(), error) {
	start := rand.IntN(blocks)
	for offset := range blocks {
		block := (start + offset) % blocks
		claim, err := net.Listen("unix", "@tanren-cluster-block-"+strconv.Itoa(block))
		if err != nil {
			continue
		}
		if blockIsFree(block) {
			return block, func() { claim.Close() }, nil
		}
		claim.Close()
	}
	return 0, nil, fmt.Errorf("all %d blocks of ports from %d on are in use: end instances with 'launch down --name NAME'", blocks, firstPort)
}

func blockIsFree(block int) bool {
	if linkExists(block) {
		return false
	}
	for which := range portsUsed {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", portOf(block, which)))
		if err != nil {
			return false
		}
		listener.Close()
	}
	return true
}

func linkExists(block int) bool {
	_, err := net.InterfaceByName(linkName(block))
	return err == nil
}
