/*
 * The agent protocol's numbers, for the guest's side. docs/agent-protocol.md says what they mean;
 * src/container/agent-protocol.ts has the same names, and a test compares the two files.
 */
#ifndef VIVARIUM_PROTOCOL_H
#define VIVARIUM_PROTOCOL_H

#define PROTOCOL_VERSION 1
#define PORT_NAME "vivarium.agent"

/* Frame: u32 length of payload, u8 type, u8 flags (0), u16 reserved (0), u32 channel, payload. Little endian. */
#define HEADER_SIZE 12
#define MAX_PAYLOAD 65536
#define MAX_SPEC 4194304
#define MAX_CHANNELS 64
#define STDIN_WINDOW 65536
#define MAX_ECHO 64
#define MAX_FILE 65536
#define MAX_FAILURE_TEXT 4096

/* Marks a fresh start in the byte stream; never occurs inside a frame that the host sends. */
#define SYNC_SIZE 16
#define SYNC_BYTES "\xf5" "VIVARIUM-SYNC\xf5\n"

/* Host to agent. */
#define MSG_HELLO 0x01
#define MSG_PING 0x02
#define MSG_MOUNT 0x10
#define MSG_UNMOUNT 0x11
#define MSG_SET_HOSTNAME 0x12
#define MSG_SET_CLOCK 0x13
#define MSG_ADD_ENTROPY 0x14
#define MSG_POWER_OFF 0x15
#define MSG_RESCAN 0x16
#define MSG_FIND_DISK 0x17
#define MSG_REMOVE_DISK 0x18
#define MSG_SPEC 0x20
#define MSG_SPAWN 0x21
#define MSG_STDIN 0x22
#define MSG_STDIN_EOF 0x23
#define MSG_SIGNAL 0x24
#define MSG_RESIZE 0x25
#define MSG_CREDIT 0x26
#define MSG_RELEASE 0x27
#define MSG_READ_FILE 0x30
#define MSG_WRITE_FILE 0x31
/* 0x40 to 0x4f: metrics, 0x50 to 0x5f: network; not in version 1. */

/* Agent to host. */
#define MSG_WELCOME 0x81
#define MSG_PONG 0x82
#define MSG_OK 0x83
#define MSG_ERROR 0x84
#define MSG_STARTED 0xa0
#define MSG_STDOUT 0xa1
#define MSG_STDERR 0xa2
#define MSG_STDIN_CREDIT 0xa3
#define MSG_EXIT 0xa4
#define MSG_CHANNEL_STATE 0xa5

/* HELLO flags. */
#define HELLO_RESET 1

/* MOUNT flags. */
#define MOUNT_READ_ONLY 1
#define MOUNT_NO_SUID 2
#define MOUNT_NO_DEV 4
#define MOUNT_NO_EXEC 8
#define MOUNT_BIND 16

/* POWER_OFF flags. */
#define POWER_OFF_REBOOT 1

/* SPAWN kinds and flags. */
#define SPAWN_GUEST 0
#define SPAWN_CONTAINER 1
#define SPAWN_EXEC 2
#define SPAWN_TTY 1
#define SPAWN_STDIN 2

/* CREDIT streams. */
#define STREAM_STDOUT 1
#define STREAM_STDERR 2

/* EXIT: how it ended. */
#define EXIT_CODE 0
#define EXIT_SIGNAL 1
#define EXIT_START_FAILED 2

/* CHANNEL_STATE states. */
#define STATE_STARTING 1
#define STATE_RUNNING 2
#define STATE_EXITED 3

#endif
