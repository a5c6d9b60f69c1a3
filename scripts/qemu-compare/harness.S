/*
 * Runs the programs of an image one after the other and records how each ended: scripts/qemu-compare.ts has the layout.
 * Multiboot loads it in flat 32-bit protected mode. BITS is 64 or 32.
 */
.set LOAD, 0x100000
.set VARS, 0x105000
.set PROGRAMS, 0x200000
.set RESULTS, 0x600000
.set NEXT_PROGRAM, VARS
.set NEXT_RESULT, VARS + 8
.set LEFT, VARS + 16
.set CODE, 0x400000
.set STACK_PAGE, 0x402000
.set DATA, 0x410000
.set DATA_BYTES, 0x2000
.set DATA_TEMPLATE, 0x1f0000
.set PROGRAM_BYTES, 512
.set PROGRAM_CODE, 192
.set CODE_BYTES, 320
.set RESULT_BYTES, 256
.set TABLES, 0x101000
.set TABLES_TEMPLATE, 0x104000
.set CR0_INITIAL, 0x80010031

.text
.code32
.globl _start
_start:
header:
        .long 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
        .long LOAD, LOAD, 0, 0, LOAD + entry - header
        .balign 16
gdtr:   .word 0xfff
        .long 0x101000, 0
idtr:   .word 0xfff
        .long 0x102000, 0
entry:
        cli
        cld
        lgdt LOAD + gdtr - header
        mov $CR4_INITIAL, %eax
        mov %eax, %cr4
        mov $0x108000, %eax
        mov %eax, %cr3
#if BITS == 64
        mov $0xc0000080, %ecx
        mov $0x901, %eax        /* NXE, LME, SCE */
        xor %edx, %edx
        wrmsr
#endif
        mov $CR0_INITIAL, %eax
        mov %eax, %cr0
#if BITS == 64
        ljmp $8, $LOAD + start - header
.code64
#else
        ljmp $0x18, $LOAD + start - header
#endif
start:
        lidt LOAD + idtr - header
        mov $0x10, %eax
        mov %eax, %ss
        mov $VARS + 0xff0, %esp
        mov $0x38, %eax
        ltr %ax
        xor %eax, %eax
        lldt %ax
        fninit
        mov $0xff, %al          /* no timer interrupts */
        out %al, $0x21
        out %al, $0xa1
        xor %eax, %eax
        mov %eax, %fs
        mov %eax, %gs
        movl $PROGRAMS + 16, NEXT_PROGRAM
        movl $RESULTS, NEXT_RESULT
        movl PROGRAMS, %eax
        movl %eax, LEFT
        jmp next

/* Every stub pushed an error code and the vector. */
common:
#if BITS == 64
        push %rdi
        movl NEXT_RESULT, %edi
        mov %rax, 0(%rdi)
        mov %rcx, 8(%rdi)
        mov %rdx, 16(%rdi)
        mov %rbx, 24(%rdi)
        mov %rbp, 40(%rdi)
        mov %rsi, 48(%rdi)
        pop %rax
        mov %rax, 56(%rdi)
        mov %r8, 64(%rdi)
        mov %r9, 72(%rdi)
        mov %r10, 80(%rdi)
        mov %r11, 88(%rdi)
        mov %r12, 96(%rdi)
        mov %r13, 104(%rdi)
        mov %r14, 112(%rdi)
        mov %r15, 120(%rdi)
        pop %rax
        mov %rax, 160(%rdi)
        pop %rax
        mov %rax, 168(%rdi)
        pop %rax
        mov %rax, 128(%rdi)
        pop %rax
        mov %rax, 136(%rdi)
        pop %rax
        mov %rax, 144(%rdi)
        pop %rax
        mov %rax, 32(%rdi)
        pop %rax
        mov %rax, 152(%rdi)
        mov %cr2, %rax
        mov %rax, 176(%rdi)
        mov %cr0, %rax
        mov %rax, 216(%rdi)
        mov %cr8, %rax
        mov %rax, 224(%rdi)
        mov %dr6, %rax
        mov %rax, 248(%rdi)
        mov $0xc0000100, %ecx
        rdmsr
        mov %eax, 192(%rdi)
        mov %edx, 196(%rdi)
        inc %ecx
        rdmsr
        mov %eax, 200(%rdi)
        mov %edx, 204(%rdi)
        inc %ecx
        rdmsr
        mov %eax, 208(%rdi)
        mov %edx, 212(%rdi)
        mov %ds, 184(%rdi)
        mov %es, 186(%rdi)
        mov %fs, 188(%rdi)
        mov %gs, 190(%rdi)
        sldt 232(%rdi)
        /* back to the initial state */
        mov $CR0_INITIAL, %eax
        mov %rax, %cr0
        mov $CR4_INITIAL, %eax
        mov %rax, %cr4
        xor %eax, %eax
        mov %rax, %cr8
        mov %rax, %cr2
        lldt %ax
        mov %rax, %dr0
        mov %rax, %dr1
        mov %rax, %dr2
        mov %rax, %dr3
        mov %eax, %fs
        mov %eax, %gs
        mov $0xffff0ff0, %eax
        mov %rax, %dr6
#else
        pusha
        mov $0x10, %eax
        push %ds
        push %es
        mov %eax, %ds
        mov %eax, %es
        movl NEXT_RESULT, %edi
        pop %eax
        mov %ax, 186(%edi)
        pop %eax
        mov %ax, 184(%edi)
        mov %fs, 188(%edi)
        mov %gs, 190(%edi)
        pop %eax
        mov %eax, 56(%edi)
        pop %eax
        mov %eax, 48(%edi)
        pop %eax
        mov %eax, 40(%edi)
        pop %eax
        pop %eax
        mov %eax, 24(%edi)
        pop %eax
        mov %eax, 16(%edi)
        pop %eax
        mov %eax, 8(%edi)
        pop %eax
        mov %eax, 0(%edi)
        pop %eax
        mov %eax, 160(%edi)
        pop %eax
        mov %eax, 168(%edi)
        pop %eax
        mov %eax, 128(%edi)
        pop %eax
        mov %ax, 136(%edi)
        mov %eax, %ebx
        pop %eax
        mov %eax, 144(%edi)
        mov %esp, 32(%edi)
        mov %ss, 152(%edi)
        test $3, %bl
        jz 1f
        pop %eax
        mov %eax, 32(%edi)
        pop %eax
        mov %ax, 152(%edi)
1:      mov %cr2, %eax
        mov %eax, 176(%edi)
        mov %cr0, %eax
        mov %eax, 216(%edi)
        mov %dr6, %eax
        mov %eax, 248(%edi)
        sldt 232(%edi)
        mov $0x10, %eax
        mov %eax, %ss
        mov $VARS + 0xff0, %esp
        mov $CR0_INITIAL, %eax
        mov %eax, %cr0
        mov $CR4_INITIAL, %eax
        mov %eax, %cr4
        xor %eax, %eax
        mov %eax, %cr2
        lldt %ax
        mov %eax, %dr0
        mov %eax, %dr1
        mov %eax, %dr2
        mov %eax, %dr3
        mov %eax, %fs
        mov %eax, %gs
        mov $0xffff0ff0, %eax
        mov %eax, %dr6
#endif
        /* a hash of the data and the stack */
        cld
        mov $DATA, %esi
        mov $DATA_BYTES / 4, %ecx
        xor %edx, %edx
2:      lodsl
        rol $5, %edx
        xor %eax, %edx
        add $0x9e3779b9, %edx
        dec %ecx
        jnz 2b
        mov %edx, 240(%edi)
        mov $STACK_PAGE, %esi
        mov $1024, %ecx
3:      lodsl
        rol $5, %edx
        xor %eax, %edx
        add $0x9e3779b9, %edx
        dec %ecx
        jnz 3b
        mov %edx, 244(%edi)
        addl $RESULT_BYTES, NEXT_RESULT
        addl $PROGRAM_BYTES, NEXT_PROGRAM
        decl LEFT
        jnz next
        /* the end: everything goes to the debug console */
        mov $RESULTS, %esi
        mov NEXT_RESULT, %ecx
        sub %esi, %ecx
        mov $0xe9, %edx
        rep outsb
        mov $0xf4, %edx
        xor %eax, %eax
        out %eax, %dx
        hlt

next:
        cld
        mov $0x10, %eax
        mov %eax, %ds
        mov %eax, %es
        mov $TABLES_TEMPLATE, %esi
        mov $TABLES, %edi
        mov $1024, %ecx
        rep movsl
        mov $DATA_TEMPLATE, %esi
        mov $DATA, %edi
        mov $DATA_BYTES / 4, %ecx
        rep movsl
        mov $STACK_PAGE, %edi
        xor %eax, %eax
        mov $1024, %ecx
        rep stosl
        movl NEXT_PROGRAM, %esi
        add $PROGRAM_CODE, %esi
        mov $CODE, %edi
        mov $CODE_BYTES / 4, %ecx
        rep movsl
        mov $CODE + 0x800, %edi
        mov $256, %ecx
        mov $0x0b0f0b0f, %eax
        rep stosl
        movl NEXT_PROGRAM, %edi
#if BITS == 64
        mov $0xc0000100, %ecx
        mov $DATA, %eax
        xor %edx, %edx
        wrmsr
        inc %ecx
        mov $DATA + 0x1000, %eax
        wrmsr
        inc %ecx
        mov $DATA + 0x800, %eax
        wrmsr
        pushq 152(%rdi)
        pushq 32(%rdi)
        pushq 144(%rdi)
        pushq 136(%rdi)
        pushq 128(%rdi)
        mov 0(%rdi), %rax
        mov 8(%rdi), %rcx
        mov 16(%rdi), %rdx
        mov 24(%rdi), %rbx
        mov 40(%rdi), %rbp
        mov 48(%rdi), %rsi
        mov 64(%rdi), %r8
        mov 72(%rdi), %r9
        mov 80(%rdi), %r10
        mov 88(%rdi), %r11
        mov 96(%rdi), %r12
        mov 104(%rdi), %r13
        mov 112(%rdi), %r14
        mov 120(%rdi), %r15
        mov 160(%rdi), %ds
        mov 160(%rdi), %es
        mov 56(%rdi), %rdi
        iretq
#else
        testl $3, 136(%edi)
        jnz 4f
        mov 32(%edi), %esp
        jmp 5f
4:      pushl 152(%edi)
        pushl 32(%edi)
5:      pushl 144(%edi)
        pushl 136(%edi)
        pushl 128(%edi)
        mov 0(%edi), %eax
        mov 8(%edi), %ecx
        mov 16(%edi), %edx
        mov 24(%edi), %ebx
        mov 40(%edi), %ebp
        mov 48(%edi), %esi
        pushl 56(%edi)
        pushl 160(%edi)
        pop %es
        mov 160(%edi), %ds
        pop %edi
        iret
#endif

.org 0x1000 - 8
        .long LOAD + common - header
