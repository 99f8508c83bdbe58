#ifndef RINGBACK_FAULTVFS_H
#define RINGBACK_FAULTVFS_H

/* What a logged operation did. The Go side has the same numbers. */
enum {
	FV_FOUND = 1,   /* a file was there when it was first opened: bytes is all of it */
	FV_CREATE,      /* a file was made */
	FV_WRITE,       /* bytes at an offset */
	FV_TRUNCATE,    /* to the size in at */
	FV_SYNC,
	FV_SYNC_FAILED, /* the caller was told so */
	FV_DELETE,      /* at is 1 when the folder was flushed as well */
};

typedef struct {
	int kind;
	int file; /* number of the file; a name that is made again gets another number */
	long long at;
	int size;
	const unsigned char *bytes;
} fv_op;

typedef struct fv_machine fv_machine;

/* Makes a folder a machine's disk; puts the VFS in place at the first call. 0: SQLite refused. */
fv_machine *fv_new(const char *folder);
/* Frees a machine. 0, and nothing is freed, while a file of it is open. */
int fv_free(fv_machine *m);

/* From now on whatever changes the disk fails and does nothing, and no file opens. */
void fv_kill(fv_machine *m);
/* Ends what fv_kill and fv_cut began; faults that are set go too. */
void fv_restart(fv_machine *m);
/* Operation number op, counted from 1 over the machine's life, is logged, fails, and kills. 0: never. */
void fv_cut(fv_machine *m, long op);
/* The first-th sync from now and so many in all fail. */
void fv_fail_sync(fv_machine *m, long first, long count);
/* The nth read from now fails. 0: none. */
void fv_fail_read(fv_machine *m, long nth);
/* Files may not grow beyond so many bytes together; below 0: they may. */
void fv_capacity(fv_machine *m, long long bytes);

long fv_ops(fv_machine *m);
long fv_reads(fv_machine *m);
/* Operation i, counted from 0. The bytes live as long as the machine. */
fv_op fv_at(fv_machine *m, long i);
/* Name of a file inside the folder. It lives as long as the machine. */
const char *fv_name(fv_machine *m, int file);

#endif
