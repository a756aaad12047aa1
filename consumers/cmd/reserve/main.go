// Command reserve is the Lambda behind orders.fifo: it decides the orders of a seat group one after another.
package main

import "boxoffice/consumers/internal/boot"

func main() { boot.Main("reserve", wire) }
