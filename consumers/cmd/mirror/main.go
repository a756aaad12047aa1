// Command mirror is the Lambda behind the stream of orders that brings Redis to what the rows say.
package main

import "boxoffice/consumers/internal/boot"

func main() { boot.Main("mirror", wire) }
