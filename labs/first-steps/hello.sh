#!/bin/sh
echo "Hello, $(whoami)!"
