/* hello: says hello by one system call, without any library. */
        .intel_syntax noprefix
        .globl  _start
_start:
        mov     eax, 1                  /* which system call: 1 is write */
        mov     edi, OUTPUT             /* 1st argument: where to, 1 is the terminal */
        lea     rsi, [rip + text]       /* 2nd argument: the address of the text */
        lea     rdx, [rip + end]
        sub     rdx, rsi                /* 3rd argument: its length in bytes */
        syscall                         /* into the kernel, and back */

        mov     eax, 60                 /* 60 is exit */
        xor     edi, edi                /* status 0 */
        syscall                         /* into the kernel; never back */

text:   .ascii  "hello, kernel\n"
end:
