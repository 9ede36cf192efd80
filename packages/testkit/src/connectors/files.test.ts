import { deepEqual, equal, match, ok, rejects, throws } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { files, type ConnectorNotice, type Source } from '@millrace/engine'
import { SimulatedMachine } from './machine.ts'
import { SourceHost, type SourceSnapshot } from './source-host.ts'

/** A machine with files, and what a source makes of them. */
class Scene {
  readonly machine = new SimulatedMachine(1)
  snapshot: SourceSnapshot | undefined

  async write(name: string, content: string | Uint8Array): Promise<void> {
    await this.machine.run(this.#put(name, Buffer.from(content as string), 'write'))
  }

  /** At no moment is the file shorter. */
  async overwrite(name: string, content: string): Promise<void> {
    await this.machine.run(this.#put(name, Buffer.from(content), 'update'))
  }

  async append(name: string, content: string): Promise<void> {
    await this.machine.run(this.#put(name, Buffer.from(content), 'append'))
  }

  async rename(from: string, to: string): Promise<void> {
    await this.machine.run(this.machine.disk.rename(`/data/${from}`, `/data/${to}`))
  }

  async remove(name: string): Promise<void> {
    await this.machine.run(this.machine.disk.remove(`/data/${name}`))
  }

  /** Reads until the source ends or, if it never does, nothing new comes for `quietMs`; `meanwhile` runs at the first such moment. */
  async read<T>(
    source: Source<T>,
    options: { quietMs?: number; meanwhile?: (() => Promise<void>)[] } = {},
  ): Promise<{ values: T[]; notices: ConnectorNotice[] }> {
    const { quietMs = 5_000, meanwhile = [] } = options
    const { machine } = this
    const host = new SourceHost(source, machine, machine.boot(), 1)
    try {
      await this.#drive(host, quietMs, meanwhile)
      this.snapshot = host.snapshot()
    } finally {
      await host.close()
    }
    equal(machine.disk.openHandles, 0, 'a file was left open')
    return { values: host.emitted.map(({ value }) => value), notices: host.notices }
  }

  async #drive<T>(host: SourceHost<T>, quietMs: number, meanwhile: (() => Promise<void>)[]): Promise<void> {
    const { machine } = this
    await host.start(this.snapshot)
    let quietSince = machine.clock.monotonic()
    while (!host.hasEnded) {
      const before = host.emitted.length
      const hasPolled = host.step(0)
      host.check()
      if (host.emitted.length > before) quietSince = machine.clock.monotonic()
      if (machine.clock.monotonic() - quietSince > quietMs) {
        const next = meanwhile.shift()
        if (next === undefined) break
        await next()
        quietSince = machine.clock.monotonic()
      }
      if (!hasPolled) await machine.turn()
    }
  }

  async #put(name: string, bytes: Uint8Array, mode: 'write' | 'update' | 'append'): Promise<void> {
    await this.machine.disk.makeDirectory('/data')
    const handle = await this.machine.disk.open(`/data/${name}`, mode)
    await handle.write(bytes, 0)
    await handle.close()
  }
}

describe('files, read once', () => {
  it('give lines, positions or what is parsed', async () => {
    const scene = new Scene()
    await scene.write('a.txt', 'one\r\ntwö\n\nthree')
    deepEqual((await scene.read(files({ path: '/data/a.txt' }))).values, ['one', 'twö', '', 'three'])
    scene.snapshot = undefined
    const positions = (await scene.read(files({ path: '/data/a.txt', positions: true }))).values
    deepEqual(
      positions.map(({ line, offset }) => [line, offset]),
      [
        ['one', 0],
        ['twö', 5],
        ['', 10],
        ['three', 11],
      ],
    )
    scene.snapshot = undefined
    const parsed = files({ path: '/data/a.txt', parse: (line, { file, offset }) => `${file}:${offset}:${line.length}` })
    deepEqual((await scene.read(parsed)).values, ['/data/a.txt:0:3', '/data/a.txt:5:3', '/data/a.txt:10:0', '/data/a.txt:11:5'])
  })

  it('fail where there are none, and end where a folder is empty', async () => {
    const scene = new Scene()
    await scene.write('.hidden', 'x\n')
    await rejects(scene.read(files({ path: '/data/missing.txt' })), { code: 'FILES_NOT_FOUND' })
    deepEqual((await scene.read(files({ path: '/data' }))).values, [])
    deepEqual((await scene.read(files({ path: '/data/*.txt' }))).values, [])
  })

  it('are found by patterns', async () => {
    const scene = new Scene()
    for (const name of ['a-1.log', 'a-2.log', 'b-1.log', 'a-1.txt']) await scene.write(name, `${name}\n`)
    const found = async (path: string): Promise<string[]> => {
      scene.snapshot = undefined
      return (await scene.read(files({ path }))).values
    }
    deepEqual(await found('/data/a-*.log'), ['a-1.log', 'a-2.log'])
    deepEqual(await found('/data/[ab]-1.{log,txt}'), ['a-1.log', 'a-1.txt', 'b-1.log'])
    deepEqual(await found('/**/?-2.log'), ['a-2.log'])
  })

  it('name a line that cannot be parsed, or leave it out and say so', async () => {
    const scene = new Scene()
    await scene.write('a.json', '{"a":1}\nnonsense\n{"a":2}\n')
    const options = { path: '/data/a.json', parse: (line: string) => JSON.parse(line) as unknown }
    await rejects(scene.read(files(options)), { code: 'FILES_PARSE_FAILED', message: /a\.json:8/ })
    const { values, notices } = await scene.read(files({ ...options, onParseError: 'skip' }))
    deepEqual(values, [{ a: 1 }, { a: 2 }])
    match(notices[0]!.message, /a\.json:8/)
  })

  it('name a line that is too long, cut it, or leave it out', async () => {
    const scene = new Scene()
    const long = 'x'.repeat(700_000)
    await scene.write('a.txt', `one\n${long}\ntwo\n`)
    const options = { path: '/data/a.txt', maxLineBytes: 1_000 }
    await rejects(scene.read(files(options)), { code: 'FILES_LINE_TOO_LONG', message: /a\.txt:4 / })
    const skipped = await scene.read(files({ ...options, onOverlongLine: 'skip' }))
    deepEqual(skipped.values, ['one', 'two'])
    deepEqual(
      skipped.notices.map(({ code }) => code),
      ['FILE_LINE_SKIPPED'],
    )
    scene.snapshot = undefined
    const cut = await scene.read(files({ ...options, onOverlongLine: 'truncate' }))
    deepEqual(cut.values, ['one', long.slice(0, 1_000), 'two'])
    scene.snapshot = undefined
    deepEqual((await scene.read(files({ path: '/data/a.txt' }))).values, ['one', long, 'two'])
  })

  it('are decompressed, also when they are empty or several in one; damaged ones are named', async () => {
    const scene = new Scene()
    await scene.write('a.gz', Buffer.concat([gzipSync('one\ntw'), gzipSync('o\n')]))
    await scene.write('b.gz', gzipSync(''))
    deepEqual((await scene.read(files({ path: '/data' }))).values, ['one', 'two'])
    scene.snapshot = undefined
    await scene.write('a.gz', gzipSync('line\n'.repeat(10_000)).subarray(0, 40))
    await rejects(scene.read(files({ path: '/data' })), { code: 'FILES_GZIP_DAMAGED', message: /a\.gz/ })
    await scene.write('a.gz', 'not compressed at all\n')
    await rejects(scene.read(files({ path: '/data' })), { code: 'FILES_GZIP_DAMAGED' })
  })

  it('are compressed up to zeros at their ends, and damaged where more follows these', async () => {
    const member = (text: string): Buffer => gzipSync(text, { level: 0 })
    for (const zeros of [1, 300_000]) {
      const scene = new Scene()
      const padded = [member('one\n'), member('two\n'), Buffer.alloc(zeros)]
      await scene.write('a.gz', Buffer.concat(padded))
      deepEqual((await scene.read(files({ path: '/data' }))).values, ['one', 'two'])
      scene.snapshot = undefined
      await scene.write('a.gz', Buffer.concat([...padded, member('three\n')]))
      await rejects(scene.read(files({ path: '/data' })), { code: 'FILES_GZIP_DAMAGED', message: /followed by more/ })
    }
  })

  it('name the disk failure that keeps them from being read', async () => {
    const scene = new Scene()
    await scene.write('a.txt', 'x\n'.repeat(400_000))
    scene.machine.disk.fail({ operations: ['read'], reason: 'input-output', skip: 2 })
    await rejects(scene.read(files({ path: '/data/a.txt' })), { code: 'FILES_UNREADABLE', message: /a\.txt/ })
  })

  it('name the folder that may not be looked into', async () => {
    for (const operation of ['list', 'stat'] as const) {
      const scene = new Scene()
      await scene.write('a.txt', 'x\n')
      scene.machine.disk.fail({ operations: [operation], reason: 'not-permitted' })
      await rejects(scene.read(files({ path: '/data' })), { code: 'FILES_UNREADABLE', message: /\/data cannot be read: .*not-permitted/ })
    }
  })

  it('refuse options that are none', () => {
    for (const options of [
      { path: '' },
      { path: [] },
      { path: 'a', maxLineBytes: 0 },
      { path: 'a', discoverEvery: '5 parsecs' as never },
    ]) {
      throws(() => files(options), { code: 'CONNECTOR_OPTION_INVALID' })
    }
  })
})

describe('files, read once and followed later', () => {
  const once = files({ path: '/data/*.log' })
  const follow = files({ path: '/data/*.log', follow: true })

  it('are read on from where they had ended, whatever came in between', async () => {
    const scene = new Scene()
    await scene.write('a.log', 'one\ntwo\n')
    await scene.write('b.log', '')
    deepEqual((await scene.read(once)).values, ['one', 'two'])
    deepEqual((await scene.read(once)).values, [], 'once more, and there is nothing to read')
    await scene.append('a.log', 'three\n')
    await scene.append('b.log', 'four\n')
    const { values, notices } = await scene.read(follow, { meanwhile: [() => scene.append('a.log', 'five\n')] })
    deepEqual(values.toSorted(), ['five', 'four', 'three'])
    deepEqual(notices, [])
    deepEqual((await scene.read(follow)).values, [])
  })

  it('end again, and are followed again', async () => {
    const scene = new Scene()
    await scene.write('a.log', 'one\n')
    deepEqual((await scene.read(once)).values, ['one'])
    for (const line of ['two', 'three']) {
      await scene.append('a.log', `${line}\n`)
      deepEqual((await scene.read(follow)).values, [line])
      deepEqual((await scene.read(once)).values, [])
    }
  })

  it('go on behind a last line that had no end: a line end that comes is its own', async () => {
    for (const [appended, expected] of [
      ['\nthree\n', ['three']],
      ['\r\nthree\n', ['three']],
      ['\n\nthree\n', ['', 'three']],
      ['three\n', ['three']],
    ] as const) {
      const scene = new Scene()
      await scene.write('a.log', 'one\ntwo')
      deepEqual((await scene.read(once)).values, ['one', 'two'])
      deepEqual((await scene.read(follow)).values, [])
      await scene.append('a.log', appended)
      deepEqual((await scene.read(follow)).values, expected)
    }
  })

  it('are found where they were renamed to, and read from their start where they were written anew', async () => {
    const scene = new Scene()
    await scene.write('a.log', 'one\n')
    await scene.write('b.log', 'two\n')
    deepEqual((await scene.read(once)).values.length, 2)
    await scene.append('a.log', 'late\n')
    await scene.rename('a.log', 'a.log.1')
    await scene.write('a.log', 'next\n')
    await scene.write('b.log', 'anew\n')
    const { values, notices } = await scene.read(follow)
    deepEqual(values.toSorted(), ['anew', 'late', 'next'])
    ok(values.indexOf('late') < values.indexOf('next'), 'in order')
    deepEqual(
      notices.map(({ code }) => code),
      ['FILE_TRUNCATED'],
    )
  })

  it('may be removed since; what took the place of one is read whole, and said', async () => {
    const scene = new Scene()
    for (const name of ['a.log', 'b.log', 'b.log.1']) await scene.write(name, 'one\n')
    deepEqual((await scene.read(once)).values.length, 2)
    await scene.remove('a.log')
    await scene.remove('b.log')
    await scene.write('b.log', 'one\ntwo\n')
    const { values, notices } = await scene.read(follow)
    deepEqual(values, ['one', 'two'])
    deepEqual(
      notices.map(({ code }) => code),
      ['FILE_REPLACED'],
    )
  })

  it('that are compressed were read for good', async () => {
    const scene = new Scene()
    await scene.write('a.gz', gzipSync('one\n'))
    deepEqual((await scene.read(files({ path: '/data' }))).values, ['one'])
    deepEqual(scene.snapshot!.splits, [])
    deepEqual((await scene.read(files({ path: '/data', follow: true }))).values, [])
  })
})

describe('files, followed', () => {
  const follow = files({ path: '/data/a.log', follow: true })

  it('wait for files that are not there, for lines that are not whole, and give the last one of a file that has gone', async () => {
    const scene = new Scene()
    const { values } = await scene.read(follow, {
      quietMs: 40_000,
      meanwhile: [() => scene.write('a.log', 'one\ntw'), () => scene.append('a.log', 'o\nthr'), () => scene.remove('a.log')],
    })
    deepEqual(values, ['one', 'two', 'thr'])
  })

  it('begin at their ends where that is asked for, but not those that come later', async () => {
    const scene = new Scene()
    await scene.write('a.log', 'old\nolder\nha')
    const { values } = await scene.read(files({ path: '/data', follow: true, start: 'end' }), {
      meanwhile: [() => scene.append('a.log', 'lf\nnew\n'), () => scene.write('b.log', 'first\n')],
    })
    deepEqual(values, ['half', 'new', 'first'])
  })

  it('begin at the beginning of a long line that is still being written', async () => {
    for (const before of ['old\n', '']) {
      const scene = new Scene()
      const long = 'x'.repeat(200_000)
      await scene.write('a.log', before + long)
      const { values } = await scene.read(files({ path: '/data', follow: true, start: 'end' }), {
        meanwhile: [() => scene.append('a.log', 'end\n')],
      })
      deepEqual(values, [`${long}end`])
    }
  })

  it('are read to the end after they were renamed, even if that is written late', async () => {
    const scene = new Scene()
    await scene.write('a.log', 'one\n')
    const { values } = await scene.read(follow, {
      meanwhile: [
        async () => {
          await scene.rename('a.log', 'a.log.1')
          await scene.write('a.log', 'three\n')
        },
        () => scene.append('a.log.1', 'two, late\n'),
      ],
    })
    deepEqual(values, ['one', 'three', 'two, late'])
  })

  it('are read from their start again when they were written anew in the same length', async () => {
    const scene = new Scene()
    await scene.write('a.txt', 'hello\n')
    const { values, notices } = await scene.read(files({ path: '/data/a.txt', follow: true }), {
      meanwhile: [() => scene.overwrite('a.txt', 'world\n')],
    })
    deepEqual(values, ['hello', 'world'])
    deepEqual(
      notices.map(({ code }) => code),
      ['FILE_TRUNCATED'],
    )
  })

  it('are read from their start again when they were truncated, which is said', async () => {
    const scene = new Scene()
    await scene.write('a.log', 'one\ntwo\n')
    const { values, notices } = await scene.read(follow, { meanwhile: [() => scene.write('a.log', 'new\n')] })
    deepEqual(values, ['one', 'two', 'new'])
    deepEqual(
      notices.map(({ code }) => code),
      ['FILE_TRUNCATED'],
    )
  })

  it('are told from another file that took their name and was given the same inode', async () => {
    const scene = new Scene()
    await scene.write('a.log', 'one\ntwo\n')
    deepEqual((await scene.read(follow)).values, ['one', 'two'])
    // For the reader it is the same: the inode is the one it knows, the content is not.
    await scene.write('a.log', 'another file, longer than the one before\n')
    deepEqual((await scene.read(follow)).values, ['another file, longer than the one before'])
  })

  it('are told from another file that was given the inode of a rotated one, which was removed to make room', async () => {
    const scene = new Scene()
    await scene.write('a.log', 'one\n')
    const { values, notices } = await scene.read(follow, {
      quietMs: 40_000,
      meanwhile: [
        async () => {
          await scene.rename('a.log', 'a.log.1')
          await scene.write('a.log', 'two\n')
        },
        async () => {
          await scene.rename('a.log', 'a.log.2')
          await scene.rename('a.log.1', 'a.log')
          await scene.write('a.log', 'three\n')
        },
      ],
    })
    deepEqual({ values, notices }, { values: ['one', 'two', 'three'], notices: [] })
  })

  it('that are away for a moment, with their folder perhaps, are read on when they are back', async () => {
    const scene = new Scene()
    await scene.write('a.log', 'one\n')
    const { values, notices } = await scene.read(follow, {
      meanwhile: [
        () => scene.rename('a.log', 'elsewhere'),
        () => scene.append('elsewhere', 'two\n'),
        () => scene.rename('elsewhere', 'a.log'),
      ],
    })
    deepEqual({ values, notices }, { values: ['one', 'two'], notices: [] })
  })

  it('that are gone after a restart are an error, or are given up where that is asked for', async () => {
    const scene = new Scene()
    await scene.write('a.log', 'one\n')
    deepEqual((await scene.read(follow)).values, ['one'])
    await scene.remove('a.log')
    await scene.write('a.log', 'two\n')
    await rejects(scene.read(follow), { code: 'FILES_LOST', message: /a\.log was read to byte 4/ })
    const { values, notices } = await scene.read(files({ path: '/data/a.log', follow: true, onLostFile: 'skip' }))
    deepEqual(values, ['two'])
    deepEqual(
      notices.map(({ code }) => code),
      ['FILE_LOST'],
    )
  })

  it('that do not change cost a look a second', async () => {
    const scene = new Scene()
    await scene.write('a.log', 'one\n')
    let before = 0
    await scene.read(follow, { quietMs: 60_000, meanwhile: [async () => void (before = scene.machine.disk.operationCount)] })
    const perSecond = (scene.machine.disk.operationCount - before) / 60
    ok(perSecond < 5, `${perSecond} disk operations a second`)
  })
})
