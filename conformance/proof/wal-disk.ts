/**
 * The parts of lane `wal` that need a system of their own: SQLite whose n-th write or fsync fails, a disk that is full, a folder that can
 * only be read.
 *
 * Law: what cannot be tried here (no C compiler, no right to mount) is named, and counts as nothing.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SqliteBench } from '../support/store-bench.js'
import { recovered, tellStory } from '../support/store-story.js'
import { thrownText } from './draw.js'
import type { Tally } from './lane.js'

/** Stands before the C library: the n-th write or fsync of a file of the checkpoint fails, or each from then on. */
const SHIM = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
static long done = 0;
__attribute__((destructor)) static void told(void) {
  const char *to = getenv("COUNT_TO");
  FILE *file = to ? fopen(to, "w") : 0;
  if (file) { fprintf(file, "%ld", done); fclose(file); }
}
static int fails(int fd) {
  const char *nth = getenv("FAIL_AT"), *in = getenv("FAIL_IN");
  char link[64], path[4096];
  if (!nth || !in) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  if (strncmp(path, in, strlen(in))) return 0;
  done++;
  return getenv("FAIL_ON") ? done >= atol(nth) : done == atol(nth);
}
static int code(void) { const char *text = getenv("FAIL_WITH"); return text ? atoi(text) : EIO; }
#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)
ssize_t write(int fd, const void *from, size_t n) { REAL(write); if (fails(fd)) { errno = code(); return -1; } return real(fd, from, n); }
ssize_t pwrite(int fd, const void *from, size_t n, off_t at) { REAL(pwrite); if (fails(fd)) { errno = code(); return -1; } return real(fd, from, n, at); }
ssize_t pwrite64(int fd, const void *from, size_t n, off64_t at) { REAL(pwrite64); if (fails(fd)) { errno = code(); return -1; } return real(fd, from, n, at); }
int fsync(int fd) { REAL(fsync); if (fails(fd)) { errno = code(); return -1; } return real(fd); }
int fdatasync(int fd) { REAL(fdatasync); if (fails(fd)) { errno = code(); return -1; } return real(fd); }
`
const EIO = 5
const ENOSPC = 28
const BATCHES = 6
/** Of the story: the same one for each operation, so that all of it are tried. */
const SEED = 3

/** Every `stride`-th operation of a short run fails. */
export async function failingSqlite(stride: number, print: (line: string) => void): Promise<Tally> {
  const work = mkdtempSync(join(tmpdir(), 'millrace-shim-'))
  try {
    const library = join(work, 'shim.so')
    writeFileSync(join(work, 'shim.c'), SHIM)
    const built = spawnSync('cc', ['-shared', '-fPIC', '-o', library, join(work, 'shim.c'), '-ldl'], {
      encoding: 'utf8',
    })
    if (built.status !== 0) {
      print(`not tried: every n-th write of SQLite failing (${built.error?.message ?? built.stderr.trim()})`)
      return { passed: 0, failed: 0 }
    }
    const operations = await operationsOf(library, work)
    let passed = 0
    let failed = 0
    let unharmed = 0
    for (let n = 1; n <= operations && failed <= 5; n += stride) {
      for (const [code, on] of [
        [EIO, false],
        [EIO, true],
        [ENOSPC, false],
      ] as const) {
        const bench = new SqliteBench()
        const env = {
          LD_PRELOAD: library,
          FAIL_AT: `${n}`,
          FAIL_IN: bench.folder,
          FAIL_WITH: `${code}`,
          ...(on ? { FAIL_ON: '1' } : {}),
        }
        const { fault, isOver } = await afterChild(bench, SEED, env)
        await bench.end()
        if (isOver) unharmed++
        if (fault === undefined) passed++
        else {
          failed++
          print(`✗ SQLite, operation ${n} fails with ${code}${on ? ', and all after it' : ''}: ${fault}`)
        }
      }
    }
    print(
      `SQLite: ${passed + failed} runs of ${operations} writes and fsyncs, of which one fails, or all from one on; ${unharmed} did not need it`,
    )
    return { passed, failed }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Writes and fsyncs of a story in which nothing fails. */
async function operationsOf(library: string, work: string): Promise<number> {
  const bench = new SqliteBench()
  const count = join(work, 'count')
  const env = { LD_PRELOAD: library, FAIL_AT: '0', FAIL_IN: bench.folder, COUNT_TO: count }
  const { fault } = await afterChild(bench, SEED, env)
  await bench.end()
  const operations = Number(readFileSync(count, 'utf8'))
  if (fault !== undefined || !(operations > 0)) throw new Error(`nothing is counted: ${fault ?? operations}`)
  return operations
}

/** Tells a story in a process of its own, and judges what it has left. `isOver`: it has come to its end all the same. */
async function afterChild(
  bench: SqliteBench,
  seed: number,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly fault: string | undefined; readonly isOver: boolean }> {
  const child = spawnSync(
    process.execPath,
    [fileURLToPath(new URL('wal-child.js', import.meta.url)), bench.folder, `${seed}`, `${BATCHES}`],
    {
      encoding: 'utf8',
      env: { ...process.env, ...env },
      timeout: 60_000,
    },
  )
  const least = Number([...child.stdout.matchAll(/^committed (\d+)$/gm)].at(-1)?.[1] ?? 0)
  const isOver = child.status === 0
  if (isOver && least !== BATCHES) return { fault: `ended after ${least} batches`, isOver }
  if (!isOver && !child.stdout.includes('StoreFailed'))
    return { fault: `failed otherwise: ${child.stdout}${child.stderr}`.slice(0, 800), isOver }
  return { fault: await judge(bench, least, seed), isOver }
}

async function judge(bench: SqliteBench, least: number, seed: number): Promise<string | undefined> {
  try {
    return await recovered(bench, least, seed)
  } catch (error) {
    return thrownText(error)
  }
}

/** A file system of a fixed size that is full, and one that can only be read. */
export async function mountedDisks(print: (line: string) => void): Promise<Tally> {
  const root = mkdtempSync(join(tmpdir(), 'millrace-disk-'))
  const disk = join(root, 'disk')
  mkdirSync(disk)
  const mount = (...args: readonly string[]): void => void execFileSync('mount', [...args], { stdio: 'pipe' })
  try {
    mount('-t', 'tmpfs', '-o', 'size=600k', 'tmpfs', disk)
  } catch (error) {
    print(`not tried: a full disk and one that can only be read (mount: ${thrownText(error).split('\n')[0]})`)
    rmSync(root, { recursive: true, force: true })
    return { passed: 0, failed: 0 }
  }
  let passed = 0
  let failed = 0
  const tell = (what: string, fault: string | undefined): void => {
    if (fault === undefined) passed++
    else {
      failed++
      print(`✗ ${what}: ${fault}`)
    }
  }
  try {
    for (let filler = 0; filler < 12; filler++) {
      const bench = new SqliteBench(500, join(disk, 'checkpoint'))
      writeFileSync(join(disk, 'filler'), new Uint8Array(filler * 40_000))
      let least = 0
      let refusal: unknown
      try {
        await tellStory(bench, { batches: 60, seed: filler, onCommit: (batch) => (least = batch) })
      } catch (error) {
        refusal = error
      }
      await bench.end()
      const { name, code } = (refusal ?? {}) as { readonly name?: string; readonly code?: string }
      rmSync(join(disk, 'filler'))
      if (refusal !== undefined && (name !== 'StoreFailed' || code === undefined))
        tell('a full disk', thrownText(refusal))
      mount('-o', 'remount,size=20m', disk)
      tell(`a full disk after ${least} batches`, await judge(bench, least, filler))
      await bench.end()
      mount('-o', 'remount,ro', disk)
      const reader = await openRefusal(new SqliteBench(500, join(disk, 'checkpoint')))
      tell('a disk that can only be read', reader)
      mount('-o', 'remount,rw', disk)
      rmSync(join(disk, 'checkpoint'), { recursive: true, force: true })
      for (const rest of ['other-1', 'other-2']) rmSync(join(disk, rest), { recursive: true, force: true })
      mount('-o', 'remount,size=600k', disk)
    }
  } finally {
    execFileSync('umount', ['-l', disk])
    if (existsSync(root)) chmodSync(root, 0o700)
    rmSync(root, { recursive: true, force: true })
  }
  return { passed, failed }
}

/** Taking the lease where nothing can be written is refused by name. */
async function openRefusal(bench: SqliteBench): Promise<string | undefined> {
  try {
    const store = await bench.open()
    await store.acquire({ holder: 'reader', now: 1e9, ttlMillis: 1 })
    return 'a lease was given out'
  } catch (error) {
    return (error as Error).name === 'StoreFailed' ? undefined : thrownText(error)
  } finally {
    await bench.end()
  }
}
