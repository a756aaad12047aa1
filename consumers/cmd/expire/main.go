// Command expire is the Lambda behind expiries.fifo: it ends orders whose hold has ended.
package main

import "boxoffice/consumers/internal/boot"

func main() { boot.Main("expire", wire) }
