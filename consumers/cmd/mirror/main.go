// Command mirror is the Lambda behind the stream of orders that applies the rows to Redis.
package main

import "boxoffice/consumers/internal/boot"

func main() { boot.Main("mirror", wire) }
