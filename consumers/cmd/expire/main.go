// Command expire is the Lambda behind expiries.fifo: it ends the orders whose hold ran out.
package main

import "boxoffice/consumers/internal/boot"

func main() { boot.Main("expire", wire) }
