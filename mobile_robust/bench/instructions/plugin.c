/* A plug-in for QEMU's user-mode emulation: how often each block of emulated code runs between two marks.

   A mark is a system call that Linux does not have, with 1 (begin) or 2 (end) as its argument: see
   runtimes/litert_worker.py. At the end, every block that ran is written to the file of the option "out", a line each:
   address (hexadecimal) and executed instructions. Blocks are straight code, so that one addition a block counts them
   all. One emulated thread only: QEMU adds without a lock.

   Debian ships no qemu-plugin.h. Declared below is what is used of version 1 of QEMU's plug-in interface, the one of
   Debian 12's QEMU 7.2; QEMU refuses to load a plug-in of a version that it does not know. */

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
typedef uint64_t plugin_id;
typedef void translated(plugin_id, struct qemu_plugin_tb *);
typedef void system_call(plugin_id, unsigned vcpu, int64_t number, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                         uint64_t, uint64_t, uint64_t);
enum operation { ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, translated *);
void qemu_plugin_register_vcpu_syscall_cb(plugin_id, system_call *);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, enum operation, void *counter, uint64_t step);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);

#define EXPORTED __attribute__((visibility("default")))
EXPORTED int qemu_plugin_version = 1;
EXPORTED int qemu_plugin_install(plugin_id, const void *info, int count, char **options);

enum { MARK = 0x6d72, BEGIN = 1, END = 2 };

struct block {
    uint64_t address, executed;
    struct block *next;
};
static struct block *blocks; /* one per translation: code that QEMU translates anew has several */
static const char *out;

static void add_block(plugin_id id, struct qemu_plugin_tb *tb) {
    (void)id;
    struct block *block = calloc(1, sizeof *block);
    if (block == NULL) abort();
    block->address = qemu_plugin_tb_vaddr(tb);
    block->next = blocks;
    blocks = block;
    qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, &block->executed, qemu_plugin_tb_n_insns(tb));
}

static void forget(void) {
    for (struct block *block = blocks; block; block = block->next) block->executed = 0;
}

static void report(void) {
    FILE *file = fopen(out, "w");
    if (file == NULL) abort();
    for (struct block *block = blocks; block; block = block->next)
        if (block->executed) fprintf(file, "%" PRIx64 " %" PRIu64 "\n", block->address, block->executed);
    if (fclose(file)) abort();
}

static void on_system_call(plugin_id id, unsigned vcpu, int64_t number, uint64_t which, uint64_t b, uint64_t c, uint64_t d,
                           uint64_t e, uint64_t f, uint64_t g, uint64_t h) {
    (void)id, (void)vcpu, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
    if (number != MARK) return;
    if (which == BEGIN) forget();
    if (which == END) report();
}

int qemu_plugin_install(plugin_id id, const void *info, int count, char **options) {
    (void)info;
    if (count != 1 || strncmp(options[0], "out=", 4)) return 1;
    out = strdup(options[0] + 4);
    if (out == NULL) return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, add_block);
    qemu_plugin_register_vcpu_syscall_cb(id, on_system_call);
    return 0;
}
