/*
 * A SQLite VFS over the ordinary one. It logs what changes a disk, in order, and fails what it was told to fail. What a
 * disk would hold after that is worked out from the log, in Go: here is only what must be inside SQLite.
 *
 * Files outside every machine's folder go straight to the ordinary VFS, so that the VFS may be the process's default:
 * code that names no VFS is tested as it is.
 *
 * The file that lies in the folder plays the kernel's page cache: it has every write at once, and no sync is passed on.
 */
#include "vfs.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The part of SQLite's documented, stable interface that is used here. The driver brings SQLite along but no header on
 * any include path.
 */
typedef struct sqlite3_file sqlite3_file;
typedef struct sqlite3_vfs sqlite3_vfs;
typedef struct {
	int iVersion;
	int (*xClose)(sqlite3_file *);
	int (*xRead)(sqlite3_file *, void *, int, long long);
	int (*xWrite)(sqlite3_file *, const void *, int, long long);
	int (*xTruncate)(sqlite3_file *, long long);
	int (*xSync)(sqlite3_file *, int);
	int (*xFileSize)(sqlite3_file *, long long *);
	int (*xLock)(sqlite3_file *, int);
	int (*xUnlock)(sqlite3_file *, int);
	int (*xCheckReservedLock)(sqlite3_file *, int *);
	int (*xFileControl)(sqlite3_file *, int, void *);
	int (*xSectorSize)(sqlite3_file *);
	int (*xDeviceCharacteristics)(sqlite3_file *);
	int (*xShmMap)(sqlite3_file *, int, int, int, void volatile **);
	int (*xShmLock)(sqlite3_file *, int, int, int);
	void (*xShmBarrier)(sqlite3_file *);
	int (*xShmUnmap)(sqlite3_file *, int);
} sqlite3_io_methods;
struct sqlite3_file {
	const sqlite3_io_methods *pMethods;
};
struct sqlite3_vfs {
	int iVersion, szOsFile, mxPathname;
	sqlite3_vfs *pNext;
	const char *zName;
	void *pAppData;
	int (*xOpen)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *);
	int (*xDelete)(sqlite3_vfs *, const char *, int);
	int (*xAccess)(sqlite3_vfs *, const char *, int, int *);
	int (*xFullPathname)(sqlite3_vfs *, const char *, int, char *);
	void (*rest[12])(void); /* not used here; copied from the ordinary VFS */
};
extern sqlite3_vfs *sqlite3_vfs_find(const char *);
extern int sqlite3_vfs_register(sqlite3_vfs *, int);

enum {
	OK = 0,
	FULL = 13,
	CANTOPEN = 14,
	IOERR_READ = 10 | 1 << 8,
	IOERR_WRITE = 10 | 3 << 8,
	IOERR_FSYNC = 10 | 4 << 8,
	IOERR_TRUNCATE = 10 | 6 << 8,
	IOERR_DELETE = 10 | 10 << 8,
};

/* One file of a machine, from its creation to its deletion. */
typedef struct {
	char *name;
	long long size;
	int linked;
} node;

struct fv_machine {
	fv_machine *next;
	char *folder;
	pthread_mutex_t mu; /* over all below, and over each operation as a whole: the log has the order of the effects */
	node *nodes;
	int n_nodes, open;
	fv_op *ops;
	long n_ops, cap_ops, n_reads;

	int dead;
	long cut, sync_in, sync_count, read_in;
	long long capacity;
};

typedef struct {
	sqlite3_file base;
	fv_machine *m;
	int node;
	sqlite3_file real[]; /* the ordinary VFS's file, as large as it wants */
} file;

/* SQLite knows a VFS by address and for good, so these outlive every test. */
static pthread_mutex_t all = PTHREAD_MUTEX_INITIALIZER; /* over machines and under */
static fv_machine *machines;
static sqlite3_vfs *under;

/* Without memory a test proves nothing. */
static void *need(void *p) {
	if (!p) abort();
	return p;
}

static fv_machine *owner(const char *path) {
	if (!path) return 0;
	pthread_mutex_lock(&all);
	fv_machine *m = machines;
	for (; m; m = m->next) {
		size_t n = strlen(m->folder);
		if (!strncmp(m->folder, path, n) && path[n] == '/') break;
	}
	pthread_mutex_unlock(&all);
	return m;
}

/* Logs an operation. Returns whether it must not happen any more. */
static int record(fv_machine *m, int kind, int node, long long at, const void *bytes, int size) {
	if (m->n_ops == m->cap_ops) {
		m->cap_ops = m->cap_ops * 2 + 64;
		m->ops = need(realloc(m->ops, m->cap_ops * sizeof *m->ops));
	}
	unsigned char *copy = 0;
	if (size > 0) memcpy(copy = need(malloc(size)), bytes, size);
	m->ops[m->n_ops++] = (fv_op){kind, node, at, size, copy};
	if (m->n_ops == m->cut) m->dead = 1;
	return m->dead;
}

static int lookup(fv_machine *m, const char *name) {
	for (int i = 0; i < m->n_nodes; i++)
		if (m->nodes[i].linked && !strcmp(m->nodes[i].name, name)) return i;
	return -1;
}

static int add(fv_machine *m, const char *name) {
	m->nodes = need(realloc(m->nodes, (m->n_nodes + 1) * sizeof *m->nodes));
	m->nodes[m->n_nodes] = (node){need(strdup(name)), 0, 1};
	return m->n_nodes++;
}

#define REAL(f) (((file *)(f))->real)
#define CALL(f, method, ...) (REAL(f)->pMethods->method(REAL(f), ##__VA_ARGS__))

static int x_close(sqlite3_file *f) {
	fv_machine *m = ((file *)f)->m;
	pthread_mutex_lock(&m->mu);
	m->open--;
	pthread_mutex_unlock(&m->mu);
	return CALL(f, xClose);
}

static int x_read(sqlite3_file *f, void *to, int n, long long at) {
	fv_machine *m = ((file *)f)->m;
	pthread_mutex_lock(&m->mu);
	m->n_reads++;
	int bad = m->read_in > 0 && --m->read_in == 0;
	pthread_mutex_unlock(&m->mu);
	return bad ? IOERR_READ : CALL(f, xRead, to, n, at);
}

/* How much of a write fits on the disk. */
static int fitting(fv_machine *m, node *target, int n, long long at) {
	long long used = 0, growth = at + n - target->size;
	if (m->capacity < 0 || growth <= 0) return n;
	for (int i = 0; i < m->n_nodes; i++)
		if (m->nodes[i].linked) used += m->nodes[i].size;
	long long over = used + growth - m->capacity;
	return over <= 0 ? n : over >= n ? 0 : n - (int)over;
}

/* A full disk takes the bytes that fit, as the kernel does, and refuses the rest. */
static int x_write(sqlite3_file *f, const void *from, int n, long long at) {
	fv_machine *m = ((file *)f)->m;
	int rc = IOERR_WRITE;
	pthread_mutex_lock(&m->mu);
	if (!m->dead) {
		node *target = &m->nodes[((file *)f)->node];
		int fits = fitting(m, target, n, at);
		if (!record(m, FV_WRITE, ((file *)f)->node, at, from, fits)) {
			rc = fits > 0 ? CALL(f, xWrite, from, fits, at) : OK;
			if (fits > 0 && at + fits > target->size) target->size = at + fits;
			if (rc == OK && fits < n) rc = FULL;
		}
	}
	pthread_mutex_unlock(&m->mu);
	return rc;
}

static int x_truncate(sqlite3_file *f, long long size) {
	fv_machine *m = ((file *)f)->m;
	int rc = IOERR_TRUNCATE;
	pthread_mutex_lock(&m->mu);
	if (!m->dead && !record(m, FV_TRUNCATE, ((file *)f)->node, size, 0, 0)) {
		m->nodes[((file *)f)->node].size = size;
		rc = CALL(f, xTruncate, size);
	}
	pthread_mutex_unlock(&m->mu);
	return rc;
}

static int x_sync(sqlite3_file *f, int flags) {
	(void)flags;
	fv_machine *m = ((file *)f)->m;
	int rc = IOERR_FSYNC;
	pthread_mutex_lock(&m->mu);
	if (!m->dead) {
		int bad = 0;
		if (m->sync_in > 1) m->sync_in--;
		else if (m->sync_in == 1 && m->sync_count > 0) bad = 1, m->sync_count--;
		if (!record(m, bad ? FV_SYNC_FAILED : FV_SYNC, ((file *)f)->node, 0, 0, 0) && !bad) rc = OK;
	}
	pthread_mutex_unlock(&m->mu);
	return rc;
}

static int x_size(sqlite3_file *f, long long *size) { return CALL(f, xFileSize, size); }
static int x_lock(sqlite3_file *f, int level) { return CALL(f, xLock, level); }
static int x_unlock(sqlite3_file *f, int level) { return CALL(f, xUnlock, level); }
static int x_reserved(sqlite3_file *f, int *is) { return CALL(f, xCheckReservedLock, is); }
static int x_control(sqlite3_file *f, int op, void *arg) { return CALL(f, xFileControl, op, arg); }
static int x_sector(sqlite3_file *f) { return CALL(f, xSectorSize); }
static int x_device(sqlite3_file *f) { return CALL(f, xDeviceCharacteristics); }
static int x_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **to) {
	return CALL(f, xShmMap, page, size, extend, to);
}
static int x_shm_lock(sqlite3_file *f, int at, int n, int flags) { return CALL(f, xShmLock, at, n, flags); }
static void x_shm_barrier(sqlite3_file *f) { CALL(f, xShmBarrier); }
static int x_shm_unmap(sqlite3_file *f, int del) { return CALL(f, xShmUnmap, del); }

/* Version 2: no mapped reads and writes, which would pass by. */
static const sqlite3_io_methods methods = {2, x_close, x_read, x_write, x_truncate, x_sync, x_size, x_lock, x_unlock,
	x_reserved, x_control, x_sector, x_device, x_shm_map, x_shm_lock, x_shm_barrier, x_shm_unmap};

/* What is in a file that nobody made through the VFS counts as durable from before. */
static int found(fv_machine *m, file *f, const char *name) {
	long long size;
	int rc = f->real->pMethods->xFileSize(f->real, &size);
	if (rc != OK) return rc;
	unsigned char *bytes = need(malloc(size + 1));
	if (size > 0) rc = f->real->pMethods->xRead(f->real, bytes, (int)size, 0);
	if (rc == OK) {
		f->node = add(m, name);
		m->nodes[f->node].size = size;
		record(m, FV_FOUND, f->node, 0, bytes, (int)size);
	}
	free(bytes);
	return rc;
}

static int x_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *out) {
	(void)vfs;
	fv_machine *m = owner(path);
	if (!m) return under->xOpen(under, path, base, flags, out);
	file *f = (file *)base;
	f->base.pMethods = 0; /* so SQLite does not close what did not open */
	f->real->pMethods = 0;
	const char *name = path + strlen(m->folder) + 1;
	int rc = CANTOPEN;
	pthread_mutex_lock(&m->mu);
	int there = access(path, F_OK) == 0; /* SQLite's own xAccess denies that an empty file is there */
	if (!m->dead) rc = under->xOpen(under, path, f->real, flags, out);
	if (rc == OK) {
		f->m = m;
		f->node = lookup(m, name);
		if (!there) record(m, FV_CREATE, f->node = add(m, name), 0, 0, 0);
		else if (f->node < 0) rc = found(m, f, name);
	}
	if (rc == OK) {
		f->base.pMethods = &methods;
		m->open++;
	} else if (f->real->pMethods) {
		f->real->pMethods->xClose(f->real);
	}
	pthread_mutex_unlock(&m->mu);
	return rc;
}

static int x_delete(sqlite3_vfs *vfs, const char *path, int flush) {
	(void)vfs;
	fv_machine *m = owner(path);
	if (!m) return under->xDelete(under, path, flush);
	int rc = IOERR_DELETE;
	pthread_mutex_lock(&m->mu);
	int node = lookup(m, path + strlen(m->folder) + 1);
	if (!m->dead && (node < 0 || !record(m, FV_DELETE, node, flush, 0, 0))) {
		rc = under->xDelete(under, path, flush);
		if (rc == OK && node >= 0) m->nodes[node].linked = 0;
	}
	pthread_mutex_unlock(&m->mu);
	return rc;
}

/* Puts the VFS in place. Everything that is not overridden is the ordinary VFS's. */
static int install(void) {
	static sqlite3_vfs own;
	if (under) return 1;
	sqlite3_vfs *was = sqlite3_vfs_find(0);
	if (!was) return 0;
	own = *was;
	own.szOsFile = (int)sizeof(file) + was->szOsFile;
	own.pNext = 0;
	own.zName = "fault";
	own.xOpen = x_open;
	own.xDelete = x_delete;
	under = was; /* before the first call can come */
	if (sqlite3_vfs_register(&own, 1) == OK) return 1;
	under = 0;
	return 0;
}

fv_machine *fv_new(const char *folder) {
	fv_machine *m = need(calloc(1, sizeof *m));
	m->folder = need(strdup(folder));
	m->capacity = -1;
	pthread_mutex_init(&m->mu, 0);
	pthread_mutex_lock(&all);
	int ok = install();
	if (ok) {
		m->next = machines;
		machines = m;
	}
	pthread_mutex_unlock(&all);
	if (ok) return m;
	free(m->folder);
	free(m);
	return 0;
}

int fv_free(fv_machine *m) {
	pthread_mutex_lock(&m->mu);
	int busy = m->open > 0;
	pthread_mutex_unlock(&m->mu);
	if (busy) return 0;
	pthread_mutex_lock(&all);
	fv_machine **at = &machines;
	while (*at != m) at = &(*at)->next;
	*at = m->next;
	pthread_mutex_unlock(&all);
	for (long i = 0; i < m->n_ops; i++) free((void *)m->ops[i].bytes);
	for (int i = 0; i < m->n_nodes; i++) free(m->nodes[i].name);
	pthread_mutex_destroy(&m->mu);
	free(m->ops);
	free(m->nodes);
	free(m->folder);
	free(m);
	return 1;
}

void fv_kill(fv_machine *m) {
	pthread_mutex_lock(&m->mu);
	m->dead = 1;
	pthread_mutex_unlock(&m->mu);
}

void fv_restart(fv_machine *m) {
	pthread_mutex_lock(&m->mu);
	m->dead = 0;
	m->cut = m->sync_in = m->sync_count = m->read_in = 0;
	m->capacity = -1;
	pthread_mutex_unlock(&m->mu);
}

void fv_cut(fv_machine *m, long op) {
	pthread_mutex_lock(&m->mu);
	m->cut = op;
	pthread_mutex_unlock(&m->mu);
}

void fv_fail_sync(fv_machine *m, long first, long count) {
	pthread_mutex_lock(&m->mu);
	m->sync_in = first;
	m->sync_count = count;
	pthread_mutex_unlock(&m->mu);
}

void fv_fail_read(fv_machine *m, long nth) {
	pthread_mutex_lock(&m->mu);
	m->read_in = nth;
	pthread_mutex_unlock(&m->mu);
}

void fv_capacity(fv_machine *m, long long bytes) {
	pthread_mutex_lock(&m->mu);
	m->capacity = bytes;
	pthread_mutex_unlock(&m->mu);
}

long fv_ops(fv_machine *m) {
	pthread_mutex_lock(&m->mu);
	long n = m->n_ops;
	pthread_mutex_unlock(&m->mu);
	return n;
}

long fv_reads(fv_machine *m) {
	pthread_mutex_lock(&m->mu);
	long n = m->n_reads;
	pthread_mutex_unlock(&m->mu);
	return n;
}

fv_op fv_at(fv_machine *m, long i) {
	pthread_mutex_lock(&m->mu);
	fv_op op = m->ops[i];
	pthread_mutex_unlock(&m->mu);
	return op;
}

const char *fv_name(fv_machine *m, int file) {
	pthread_mutex_lock(&m->mu);
	const char *name = m->nodes[file].name;
	pthread_mutex_unlock(&m->mu);
	return name;
}
