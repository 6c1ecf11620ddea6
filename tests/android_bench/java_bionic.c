/* Android's C library as far as libtensorflowlite_jni.so of the APK (x86_64) needs it, made of glibc's.
 *
 * With it the very library that ships runs in a JVM of this host. Most functions are the same ones (JUMP); written out
 * is what differs between the two: names, constants, standard streams, properties and the log. Sizes of mutexes,
 * condition variables and the like are equal on x86_64.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <locale.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "@" is a version that only they find who ask for it, as Android's libraries do; we ourselves get glibc's. */
#define OWN(name) __asm__(".symver bionic_" #name "," #name "@LIBC")

/* A function of the same name and meaning. */
#define JUMP(name)                                                                           \
    __asm__(".text\n.globl bionic_" #name "\n.type bionic_" #name ", @function\nbionic_" #name \
            ":\n jmp *" #name "@GOTPCREL(%rip)");                                            \
    OWN(name)

JUMP(__cxa_atexit); JUMP(__cxa_finalize); JUMP(__memmove_chk); JUMP(__open_2); JUMP(__read_chk); JUMP(__stack_chk_fail);
JUMP(__vsnprintf_chk); JUMP(abort); JUMP(atan2); JUMP(atan2f); JUMP(bsearch); JUMP(calloc); JUMP(clock_gettime);
JUMP(close); JUMP(closelog); JUMP(cos); JUMP(cosf); JUMP(dl_iterate_phdr); JUMP(dlclose); JUMP(dlerror); JUMP(dlopen);
JUMP(dlsym); JUMP(erfcf); JUMP(exit); JUMP(exp); JUMP(expf); JUMP(expm1f); JUMP(flock); JUMP(fmodf); JUMP(fopen);
JUMP(fread); JUMP(free); JUMP(freelocale); JUMP(frexp); JUMP(fstat); JUMP(fsync); JUMP(getenv); JUMP(getpagesize);
JUMP(getuid); JUMP(hypot); JUMP(hypotf); JUMP(ldexp); JUMP(log); JUMP(log1p); JUMP(logf); JUMP(madvise); JUMP(malloc);
JUMP(memchr); JUMP(memcmp); JUMP(memcpy); JUMP(memmove); JUMP(memset); JUMP(mmap); JUMP(mprotect);
JUMP(mremap); JUMP(munmap); JUMP(nanf); JUMP(nanosleep); JUMP(open); JUMP(openlog); JUMP(pow);
JUMP(powf); JUMP(pthread_cond_broadcast); JUMP(pthread_cond_destroy); JUMP(pthread_cond_init); JUMP(pthread_cond_signal);
JUMP(pthread_cond_wait); JUMP(pthread_create); JUMP(pthread_equal); JUMP(pthread_getspecific); JUMP(pthread_join);
JUMP(pthread_key_create); JUMP(pthread_key_delete); JUMP(pthread_mutex_destroy); JUMP(pthread_mutex_init);
JUMP(pthread_mutex_lock); JUMP(pthread_mutex_unlock); JUMP(pthread_once); JUMP(pthread_rwlock_rdlock);
JUMP(pthread_rwlock_unlock); JUMP(pthread_rwlock_wrlock); JUMP(pthread_self); JUMP(pthread_setspecific); JUMP(qsort);
JUMP(read); JUMP(realloc); JUMP(rename); JUMP(sincos); JUMP(sincosf); JUMP(sinf); JUMP(snprintf); JUMP(strcmp);
JUMP(strerror); JUMP(strerror_r); JUMP(strlen); JUMP(strncmp); JUMP(strncpy); JUMP(strtod); JUMP(strtol);
JUMP(strtoll_l); JUMP(strtoull_l); JUMP(syscall); JUMP(syslog); JUMP(tanhf); JUMP(time); JUMP(vasprintf);
JUMP(vsnprintf); JUMP(write);

/* stdin, stdout and stderr are places in this array. */
char bionic___sF[3][152];
OWN(__sF);

static FILE *stream(void *file) {
    FILE *ours[] = {stdin, stdout, stderr};
    for (int i = 0; i < 3; i++)
        if (file == bionic___sF[i]) return ours[i];
    return file;
}

int bionic_vfprintf(void *file, const char *format, va_list values) { return vfprintf(stream(file), format, values); }
OWN(vfprintf);

int bionic_fprintf(void *file, const char *format, ...) {
    va_list values;
    va_start(values, format);
    int written = vfprintf(stream(file), format, values);
    va_end(values);
    return written;
}
OWN(fprintf);

int bionic_fputc(int c, void *file) { return fputc(c, stream(file)); }
OWN(fputc);

size_t bionic_fwrite(const void *data, size_t size, size_t count, void *file) {
    return fwrite(data, size, count, stream(file));
}
OWN(fwrite);

int bionic_fflush(void *file) { return fflush(stream(file)); }
OWN(fflush);

int bionic_fileno(void *file) { return fileno(stream(file)); }
OWN(fileno);

int bionic_fclose(void *file) { return fclose(stream(file)); }
OWN(fclose);

/* XNNPACK's AVX-512 code wants 64, whatever it asks for in its Android build. */
static size_t wide(size_t alignment) { return alignment < 64 ? 64 : alignment; }

void *bionic_memalign(size_t alignment, size_t size) { return memalign(wide(alignment), size); }
OWN(memalign);

int bionic_posix_memalign(void **place, size_t alignment, size_t size) {
    return posix_memalign(place, wide(alignment), size);
}
OWN(posix_memalign);

int *bionic___errno(void) { return __errno_location(); }
OWN(__errno);

size_t bionic___strlen_chk(const char *text, size_t room) { return (void)room, strlen(text); }
OWN(__strlen_chk);

long bionic_sysconf(int name) {
    switch (name) { /* the numbers are Android's */
        case 39:
        case 40: return sysconf(_SC_PAGESIZE);
        case 96: return sysconf(_SC_NPROCESSORS_CONF);
        case 97: return sysconf(_SC_NPROCESSORS_ONLN);
    }
    errno = EINVAL;
    return -1;
}
OWN(sysconf);

locale_t bionic_newlocale(int mask, const char *name, locale_t base) {
    return (void)mask, newlocale(LC_ALL_MASK, name, base);
}
OWN(newlocale);

/* The runtime looks for XNNPACK only where it knows of an Android newer than 4.4. */
int bionic___system_property_get(const char *name, char *value) {
    strcpy(value, strcmp(name, "ro.build.version.sdk") == 0 ? "34" : "");
    return strlen(value);
}
OWN(__system_property_get);

void bionic_android_set_abort_message(const char *message) { fprintf(stderr, "%s\n", message); }
OWN(android_set_abort_message);

int __android_log_vprint(int priority, const char *tag, const char *format, va_list values) {
    fprintf(stderr, "%d %s: ", priority, tag);
    vfprintf(stderr, format, values);
    return fputc('\n', stderr);
}
