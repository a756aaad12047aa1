// Command measure prints what Boxoffice does on this machine: orders decided a second with 1 and with 32 seat groups, the CPU
// time of each process for an order, the floor that the same calls have in a bare loop, and for each function its size and the
// time to its first response. It needs a stack of its own (make measure).
package main

import "boxoffice/scripts/internal/cli"

func main() { cli.Main(run) }
