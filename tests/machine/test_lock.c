/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../support/tap.h"
#include "unrack/lock.h"

#define SOON 120.0 /* s: on whatever machine; who waits for what is not to be waited for waits for longer */
#define FOR_EVER_MS 10000000u

static struct unrack_error err;
static char root[64];
static char dir[80];

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Files in the folder; removes them when asked. */
static int files(bool clean)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.') {
			n++;
			if (clean)
				unlinkat(dirfd(d), e->d_name, 0);
		}
	closedir(d);
	return n;
}

static int take(const char *boot, unsigned stale_ms, struct lock **l)
{
	*l = NULL;
	return lock_take(dir, &(struct lock_options){ .boot_id = boot, .stale_ms = stale_ms }, l, &err);
}

/* A child that holds the lock and waits to be killed, as of boot BOOT. */
static pid_t holder(const char *boot, unsigned stale_ms)
{
	int p[2];
	char c = 0;
	pid_t pid;

	if (pipe(p) < 0)
		exit(1);
	pid = fork();
	if (pid == 0) {
		struct lock *l;

		c = take(boot, stale_ms, &l) == 0 ? 'y' : 'n';
		if (write(p[1], &c, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(p[1]);
	if (read(p[0], &c, 1) != 1 || c != 'y')
		printf("# the holder did not get the lock\n");
	close(p[0]);
	return pid;
}

static void kill_and_reap(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_life(void)
{
	struct lock *l, *second;
	char path[128], text[2048];
	int fd;
	ssize_t n;

	is_int(take(NULL, 0, &l), 0, "the lock of a free folder is taken");
	is_int(lock_check(l, &err), 0, "it is ours");
	snprintf(path, sizeof path, "%s/lock", dir);
	fd = open(path, O_RDONLY);
	n = read(fd, text, sizeof text - 1);
	text[n > 0 ? n : 0] = '\0';
	close(fd);
	snprintf(path, sizeof path, "\npid=%ld\n", (long)getpid());
	has_str(text, "unrack-lock 1 ", "a person finds it as unrack/lock");
	has_str(text, path, "with our process");
	has_str(text, "\ncounter=0000000000000000000", "and a counter");
	is_int(take(NULL, 0, &second), UNRACK_UNSAFE, "a second one is refused, in this process too");
	snprintf(path, sizeof path, "%s is in use by another unrack, process %ld on ", root, (long)getpid());
	has_str(err.text, path, "the sentence names folder, process and host");
	has_str(err.text, "run the same command again", "and what to do");
	is_int(lock_check(l, &err), 0, "the first one has it still");
	lock_release(l);
	is_int(files(false), 0, "given back, nothing is left");
	lock_release(NULL);
	is_int(lock_take("/nonexistent/unrack", NULL, &l, &err), UNRACK_IO, "no folder, no lock");
}

static void test_held_and_dead(void)
{
	pid_t pid = holder(NULL, 0);
	struct lock *l;
	char want[64];
	double t;

	is_int(take(NULL, 0, &l), UNRACK_UNSAFE, "held by another process");
	snprintf(want, sizeof want, "process %ld on ", (long)pid);
	has_str(err.text, want, "which is named");
	kill(pid, SIGSTOP);
	is_int(take(NULL, 50, &l), UNRACK_UNSAFE, "a stopped owner of this boot lives");
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT); /* it is a zombie now */
	t = now();
	is_int(take(NULL, FOR_EVER_MS, &l), 0, "a dead one loses the lock");
	ok(now() - t < SOON, "at once");
	is_int(files(false), 2, "its file is gone");
	lock_release(l);
	waitpid(pid, NULL, 0);
}

static void test_foreign(void)
{
	unsigned stale_ms = 200;
	struct lock *l;
	double t;
	pid_t pid;
	int r;

	/* On a machine that is too busy to let it beat in time, once more with more of it. */
	for (;; stale_ms *= 10) {
		pid = holder("another-boot", stale_ms);
		r = take(NULL, stale_ms, &l);
		if (r < 0 || stale_ms > 100000)
			break;
		lock_release(l);
		kill_and_reap(pid);
	}
	is_int(r, UNRACK_UNSAFE, "an owner elsewhere that beats is alive");
	has_str(err.text, "is in use by another unrack", "the sentence");
	t = now();
	kill_and_reap(pid);
	is_int(take(NULL, stale_ms, &l), 0, "one that stands still loses the lock");
	ok(now() - t >= stale_ms / 1000.0 - 0.01, "after the time limit, not before (%.3f s)", now() - t);
	lock_release(l);
}

/* The owner is stopped for so long that another boot's process takes over; it goes on and
 * must notice. Answers come through its exit status. */
static void test_stopped_owner(void)
{
	int p[2];
	pid_t pid;
	char c = 0;
	int status;
	struct lock *l;

	if (pipe(p) < 0)
		exit(1);
	pid = fork();
	if (pid == 0) {
		struct lock *mine;

		if (take("another-boot", 200, &mine) < 0 || lock_check(mine, &err) < 0)
			_exit(9);
		if (write(p[1], "y", 1) != 1)
			_exit(8);
		raise(SIGSTOP);
		if (lock_check(mine, &err) != UNRACK_UNSAFE)
			_exit(7);
		if (!strstr(err.text, "took over the lock"))
			_exit(6);
		if (lock_check(mine, &err) != UNRACK_UNSAFE)
			_exit(5);
		lock_release(mine);
		_exit(0);
	}
	close(p[1]);
	if (read(p[0], &c, 1) != 1)
		printf("# the owner ended early\n");
	close(p[0]);
	waitpid(pid, &status, WUNTRACED);
	is_int(take(NULL, 200, &l), 0, "the lock of a stopped owner elsewhere is taken over");
	kill(pid, SIGCONT);
	waitpid(pid, &status, 0);
	is_int(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0, "the stopped owner notices when it goes on");
	is_int(lock_check(l, &err), 0, "and leaves the new one alone");
	is_int(files(false), 2, "its files too");
	lock_release(l);
}

static void write_file(const char *name, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		exit(1);
	close(fd);
}

static void test_torn_record(void)
{
	struct lock *l;
	double t = now();

	write_file("lock.0123456789abcdef0123456789abcdef", "unrack-lo");
	write_file("lock", "whatever");
	is_int(take(NULL, 100, &l), 0, "the torn file of one that died while it wrote is in nobody's way");
	ok(now() - t >= 0.09, "for longer than the time limit");
	is_int(files(false), 2, "and it is removed");
	lock_release(l);
	files(true);
}

static void test_lost_file(void)
{
	struct lock *l;

	is_int(take(NULL, 0, &l), 0, "an owner");
	files(true);
	is_int(lock_check(l, &err), UNRACK_UNSAFE, "whose file somebody removed has it no more");
	has_str(err.text, "was taken away from this process", "the sentence");
	lock_release(l);
}

static void test_stop(void)
{
	atomic_bool stop = true;
	struct log log = { .stop = &stop };
	pid_t pid = holder("another-boot", FOR_EVER_MS);
	struct lock *l;

	is_int(lock_take(dir, &(struct lock_options){ .log = &log }, &l, &err), UNRACK_INTERRUPTED,
	       "waiting for a foreign owner can be interrupted");
	kill_and_reap(pid);
	files(true);
}

/* The owner's record becomes that of one who has not won yet. */
static void unsettle(void)
{
	char path[128], text[2048], *at;
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "%s/lock", dir);
	fd = open(path, O_RDWR);
	n = pread(fd, text, sizeof text - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, "counter=");
	if (!at || pwrite(fd, "00000000000000000000", 20, at + 8 - text) != 20)
		exit(1);
	close(fd);
}

static void test_stop_contending(void)
{
	atomic_bool stop = true;
	struct log log = { .stop = &stop };
	pid_t pid = holder(NULL, FOR_EVER_MS);
	double t = now();
	struct lock *l;

	unsettle();
	is_int(lock_take(dir, &(struct lock_options){ .log = &log }, &l, &err), UNRACK_INTERRUPTED,
	       "so can settling it with one that does not go on");
	ok(now() - t < 30, "long before it is given up");
	is_int(files(false), 2, "and only the other's files are left");
	kill_and_reap(pid);
	files(true);
}

static char said[512];

static void on_message(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	(void)level;
	snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", text);
}

/* Waiting for a live owner, of this boot and of another one. */
static void test_wait(const char *boot, const char *where)
{
	static const struct log_ops ops = { .message = on_message };
	atomic_bool stop = true;
	struct log log = { &ops, NULL, NULL }, stopped = { .stop = &stop };
	struct lock_options opt = { .wait_ms = 60, .stale_ms = 100, .log = &log };
	struct lock *l = NULL;
	char want[128], *begin;
	pid_t pid, killer;
	double t;
	int r;

	/* On a machine that is too busy to let it beat, or us look, in time, once more with more of it. */
	for (;; opt.stale_ms *= 10, opt.wait_ms *= 10) {
		pid = holder(boot, opt.stale_ms);
		said[0] = '\0';
		l = NULL;
		t = now();
		r = lock_take(dir, &opt, &l, &err);
		if ((r < 0 && strstr(said, "waiting for ")) || opt.stale_ms > 100000)
			break;
		lock_release(l);
		kill_and_reap(pid);
	}
	is_int(r, UNRACK_UNSAFE, "%s: one that stays is waited for in vain", where);
	has_str(err.text, "is in use by another unrack", "and the sentence is the usual one");
	ok(now() - t >= opt.wait_ms / 1000.0 - 0.002, "after the time that was given (%.3f s)", now() - t);
	snprintf(want, sizeof want, " pid %ld to leave %s\n", (long)pid, root);
	begin = strstr(said, "waiting for ");
	ok(begin && strstr(begin, want) && strlen(strstr(begin, want)) == strlen(want),
	   "it says once for whom it waits");
	opt.log = &stopped;
	opt.wait_ms = FOR_EVER_MS;
	is_int(lock_take(dir, &opt, &l, &err), UNRACK_INTERRUPTED, "the stop flag ends waiting");
	opt.log = &log;
	killer = fork();
	if (killer == 0) {
		sleep_ms(30);
		kill(pid, SIGKILL);
		_exit(0);
	}
	t = now();
	l = NULL;
	is_int(lock_take(dir, &opt, &l, &err), 0, "when it goes, the lock is taken");
	ok(now() - t < SOON, "soon (%.3f s)", now() - t);
	ok(l && lock_check(l, &err) == 0, "and ours");
	lock_release(l);
	waitpid(killer, NULL, 0);
	waitpid(pid, NULL, 0);
	is_int(files(false), 0, "nothing is left");
}

/* Files of others where the lock's are. */
static void test_planted(void)
{
	struct io *io = NULL;
	struct lock_options opt = { .stale_ms = 50 };
	char path[160], canary[96];
	struct stat st;
	struct lock *l = NULL;
	int r = io_open_beneath(root, &io, &err);

	if (r == UNRACK_MISSING)
		return;
	snprintf(canary, sizeof canary, "%s/canary", root);
	close(open(canary, O_WRONLY | O_CREAT, 0600));
	for (int beneath = 0; beneath < 2; beneath++) {
		opt.io = beneath ? io : NULL;
		snprintf(path, sizeof path, "%s/lock.00000000000000000000000000000001", dir);
		if (mkfifo(path, 0600) < 0)
			exit(1);
		snprintf(path, sizeof path, "%s/lock.00000000000000000000000000000002", dir);
		if (symlink(canary, path) < 0)
			exit(1);
		snprintf(path, sizeof path, "%s/lock", dir);
		if (symlink(canary, path) < 0)
			exit(1);
		is_int(lock_take(beneath ? "unrack" : dir, &opt, &l, &err), 0, "pipes and links stop nobody");
		ok(lstat(path, &st) == 0 && S_ISREG(st.st_mode), "the second name is ours");
		is_int(lock_check(l, &err), 0, "and so is the lock");
		is_int(files(false), 2, "what stood there is gone");
		lock_release(l);
		ok(stat(canary, &st) == 0 && st.st_size == 0, "what it named is untouched");
	}
	snprintf(path, sizeof path, "%s/link", root);
	if (symlink(dir, path) < 0)
		exit(1);
	is_int(lock_take("link", &opt, &l, &err), UNRACK_UNSAFE, "a folder that is a link");
	has_str(err.text, "can't read the folder link: a symbolic link is in the way", "is refused");
	is_int(files(false), 0, "and nothing is in it");
	unlink(path);
	unlink(canary);
	io_close_beneath(io);
}

/* Inside the lock: nobody else may be there. */
static bool alone_inside(int me)
{
	char path[128];
	int fd;

	snprintf(path, sizeof path, "%s/inside", root);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (fd < 0)
		return false;
	close(fd);
	sleep_ms(me % 2);
	return unlink(path) == 0;
}

/* A contender: takes the lock ROUNDS times, trying again while it is held. */
static int contend(int me, const char *boot, unsigned stale_ms, int rounds)
{
	for (int i = 0; i < rounds;) {
		struct lock *l;
		int r = take(boot, stale_ms, &l);

		if (r == UNRACK_UNSAFE) {
			sleep_ms(1);
			continue;
		}
		if (r < 0)
			return 2;
		if (!alone_inside(me) || lock_check(l, &err) < 0)
			return 3;
		lock_release(l);
		i++;
	}
	return 0;
}

static void race(int contenders, const char *const *boots, unsigned stale_ms, int rounds,
		 const char *what)
{
	pid_t pid[8];
	bool good = true;

	for (int i = 0; i < contenders; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			_exit(contend(i, boots[i % 2], stale_ms, rounds));
	}
	for (int i = 0; i < contenders; i++) {
		int status;

		waitpid(pid[i], &status, 0);
		if (!WIFEXITED(status) || WEXITSTATUS(status)) {
			printf("# contender %d: status %x\n", i, status);
			good = false;
		}
	}
	ok(good, "%s", what);
	is_int(files(false), 0, "and leave nothing behind");
}

/* The stale lock of a dead owner, found by several at once: again and again. */
static void test_stale_races(void)
{
	bool good = true;

	for (int round = 0; round < 40; round++) {
		pid_t pid[3], dead = holder(NULL, 0);

		kill_and_reap(dead);
		for (int i = 0; i < 3; i++) {
			pid[i] = fork();
			if (pid[i] == 0)
				_exit(contend(i, NULL, 0, 1));
		}
		for (int i = 0; i < 3; i++) {
			int status;

			waitpid(pid[i], &status, 0);
			good &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
		}
		good &= files(false) == 0;
	}
	ok(good, "40 times three find a dead owner's lock: one after the other they have it");
}

/* Contenders that are killed at any moment, while others go on. */
static void test_killed_contenders(void)
{
	char inside[128];
	bool good = true;

	snprintf(inside, sizeof inside, "%s/inside", root);

	for (int round = 0; round < 25; round++) {
		pid_t victim, other;
		int status;

		victim = fork();
		if (victim == 0)
			_exit(contend(0, NULL, 50, 1000));
		other = fork();
		if (other == 0) {
			struct lock *l;
			int r;

			while ((r = take(NULL, 50, &l)) == UNRACK_UNSAFE)
				sleep_ms(1);
			lock_release(l);
			_exit(r == 0 ? 0 : 4);
		}
		nanosleep(&(struct timespec){ 0, 100000 * (round + 1) }, NULL);
		kill_and_reap(victim);
		waitpid(other, &status, 0);
		good &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
		files(true);
		unlink(inside);
	}
	ok(good, "whenever one is killed, the next gets the lock");
}

int main(void)
{
	static const char *const same[] = { NULL, NULL }, *const two[] = { "boot-a", "boot-b" };

	/* In memory if possible: beats are synced. */
	strcpy(root, access("/dev/shm", W_OK) == 0 ? "/dev/shm/unrack-lock-XXXXXX" : "/tmp/unrack-lock-XXXXXX");
	if (!mkdtemp(root))
		return 1;
	snprintf(dir, sizeof dir, "%s/unrack", root);
	mkdir(dir, 0755);
	test_life();
	test_held_and_dead();
	test_foreign();
	test_stopped_owner();
	test_torn_record();
	test_lost_file();
	test_stop();
	test_stop_contending();
	test_wait(NULL, "here");
	test_wait("another-boot", "elsewhere");
	test_planted();
	race(4, same, 0, 20, "four contenders on one host are never inside together");
	race(4, two, 100000, 5, "nor are four on two hosts");
	test_stale_races();
	test_killed_contenders();
	files(true);
	rmdir(dir);
	rmdir(root);
	return tap_done();
}
