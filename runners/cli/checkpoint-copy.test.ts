/** What is said where a checkpoint cannot be copied to be looked at, and that nothing of it is blamed on the checkpoint. */
import * as fs from 'node:fs'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { StoreFailed } from '../micro-batch/store/errors.js'
import { copyOf } from './checkpoint-copy.js'

vi.mock(import('node:fs'), async (original) => {
  const real = await original()
  return { ...real, copyFileSync: vi.fn(real.copyFileSync) }
})

const folder = mkdtempSync(join(tmpdir(), 'millrace-copy-test-'))
const checkpoint = join(folder, 'kept')
const temporary = join(folder, 'temporary')
mkdirSync(checkpoint)
mkdirSync(temporary)
writeFileSync(join(checkpoint, 'log.sqlite'), new Uint8Array(5000))
// What has just changed may be changing still.
utimesSync(join(checkpoint, 'log.sqlite'), 1, 1)
afterEach(() => {
  vi.unstubAllEnvs()
  vi.mocked(fs.copyFileSync).mockReset()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What a system call fails with. */
function failure(code: string): Error {
  return Object.assign(new Error(`${code}: it is so`), { code })
}

describe('a copy of a checkpoint', () => {
  it('that has no room says how much it takes and where, and leaves nothing', async () => {
    vi.stubEnv('TMPDIR', temporary)
    vi.mocked(fs.copyFileSync).mockImplementation(() => {
      throw failure('ENOSPC')
    })
    await expect(copyOf(checkpoint)).rejects.toMatchObject({
      code: 'MR-6106',
      message: `the checkpoint ${checkpoint} cannot be copied into ${temporary}, the folder for temporary files, to be looked at: it has no room. The copy takes about 5 kB, and as much again to be opened. Make room there, or name another folder: TMPDIR=/path/with/room millrace …`,
    })
    expect(readdirSync(temporary)).toEqual([])
  })

  it('of what may not be read says so', async () => {
    vi.stubEnv('TMPDIR', temporary)
    vi.mocked(fs.copyFileSync).mockImplementation(() => {
      throw failure('EACCES')
    })
    const message = `the checkpoint ${checkpoint} cannot be copied: EACCES: it is so.`
    await expect(copyOf(checkpoint)).rejects.toMatchObject({ code: 'MR-6105', message })
  })

  it('has errors that name the checkpoint, unless it is the room beside it that is missing', async () => {
    vi.stubEnv('TMPDIR', temporary)
    const copy = await copyOf(checkpoint)
    const file = join(copy.folder, 'log.sqlite')
    const failing = (code: string) =>
      copy.looked(() => Promise.reject(new StoreFailed(file, code, false, failure(code))))
    await expect(failing('SQLITE_IOERR_READ')).rejects.toMatchObject({
      code: 'MR-6105',
      message: expect.stringContaining(`the checkpoint file ${join(checkpoint, 'log.sqlite')} cannot`) as string,
    })
    for (const code of ['SQLITE_IOERR_SHMSIZE', 'SQLITE_IOERR_WRITE'])
      await expect(failing(code)).rejects.toMatchObject({
        code: 'MR-6106',
        message: expect.stringContaining(`cannot be copied into ${temporary}`) as string,
      })
    copy.remove()
  })
})
