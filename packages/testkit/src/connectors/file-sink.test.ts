import { deepEqual, equal, match, ok, rejects, throws } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fileSink, type FileSinkOptions } from '@millrace/engine'
import { SimulatedMachine } from './machine.ts'
import { SinkHost } from './sink-host.ts'

const dir = '/data/out'

function open<T = string>(
  options: Partial<FileSinkOptions<T>> = {},
  machine: SimulatedMachine = new SimulatedMachine(3),
): { machine: SimulatedMachine; host: SinkHost<T> } {
  const host = new SinkHost<T>(fileSink<T>({ dir, ...options } as FileSinkOptions<T> & { readonly format: 'json' }), machine, {
    parallelism: 1,
    attempt: 1,
    isRestoring: false,
  })
  return { machine, host }
}

async function names(machine: SimulatedMachine): Promise<readonly string[]> {
  return await machine.run(machine.disk.list(dir))
}

async function contents(machine: SimulatedMachine): Promise<string[]> {
  const visible = (await names(machine)).filter((name) => !name.startsWith('.'))
  return await machine.run(Promise.all(visible.map(async (name) => Buffer.from(await machine.disk.readFile(`${dir}/${name}`)).toString())))
}

describe('fileSink', () => {
  it('writes lines, JSON or what a function makes of a record', async () => {
    for (const [format, expected] of [
      ['json', '{"a":1}\n'],
      [({ a }: { a: number }) => `a is ${a}`, 'a is 1\n'],
    ] as const) {
      const { machine, host } = open<{ a: number }>({ format })
      await host.open(undefined)
      host.write(0, { a: 1 })
      await host.commit(0, (await host.prepare(1))[0]!, 1)
      deepEqual(await contents(machine), [expected])
      await host.close()
    }
  })

  it('begins a new part at a size and at an age, and none for nothing', async () => {
    const { machine, host } = open({ rollBytes: 100_000, rollInterval: '10s', prefix: 'orders', suffix: '.log' })
    await host.open(undefined)
    for (let n = 0; n < 5_000; n++) host.write(0, 'x'.repeat(99))
    await machine.run(machine.clock.advance(11_000))
    await host.commit(0, (await host.prepare(1))[0]!, 1)
    const parts = await names(machine)
    // Three of 128 KiB, one that is smaller because of its age, one with what came after it.
    equal(parts.length, 5)
    for (const name of parts) match(name, /^orders-.*\.log$/)
    equal((await contents(machine)).join('').length, 500_000)
    await host.commit(0, (await host.prepare(2))[0]!, 2)
    equal((await names(machine)).length, 5)
    await host.close()
  })

  it('says which record cannot be written', async () => {
    const { host } = open<unknown>({ format: 'json' })
    await host.open(undefined)
    throws(() => host.write(0, 1n), { code: 'SINK_FORMAT_FAILED' })
    throws(() => host.write(0, undefined), { code: 'SINK_FORMAT_FAILED', message: /undefined/ })
    await host.close()
  })

  it('fails by name on a full disk, publishes nothing, and leaves nothing behind', async () => {
    const { machine, host } = open()
    await host.open(undefined)
    machine.disk.setCapacity(machine.disk.usedBytes + 10_000)
    for (let n = 0; n < 10_000; n++) host.write(0, 'x'.repeat(99))
    await rejects(host.prepare(1), { code: 'FILE_SINK_WRITE_FAILED', retry: true, message: /no-space/ })
    ok(host.failure !== undefined)
    await rejects(host.prepare(2), { code: 'FILE_SINK_WRITE_FAILED' })
    await host.close()
    deepEqual(await names(machine), [])
    equal(machine.disk.openHandles, 0)
  })

  it('presses back when the disk is slower than the records', async () => {
    const { machine, host } = open()
    await host.open(undefined)
    machine.disk.fail({ operations: ['write'], delayMs: 10_000 })
    let written = 0
    while (host.ready(0) && written < 1_000_000) {
      host.write(0, 'x'.repeat(999))
      written++
    }
    ok(written >= 8_000 && written < 9_000, `${written} records wait`)
    await machine.run(machine.clock.advance(60_000))
    ok(host.ready(0))
    await host.close()
  })

  it('can be told to publish again when that failed', async () => {
    const { machine, host } = open()
    await host.open(undefined)
    host.write(0, 'x')
    const [handles] = await host.prepare(1)
    const stop = machine.disk.fail({ operations: ['rename'], reason: 'not-permitted' })
    await rejects(host.commit(0, handles!, 1), { code: 'FILE_SINK_COMMIT_FAILED', retry: true })
    stop()
    await host.commit(0, handles!, 1)
    deepEqual(await contents(machine), ['x\n'])
    await host.close()
  })

  it('looks at a file until it has published it, however many handles list it', async () => {
    const { machine, host } = open()
    await host.open(undefined)
    const count = 30
    const prepared: (readonly unknown[])[] = []
    for (let id = 1; id <= count; id++) {
      host.write(0, `${id}`)
      prepared.push((await host.prepare(id))[0]!)
    }
    const before = machine.disk.operationCount
    for (const [index, handles] of prepared.entries()) await host.commit(0, handles, index + 1)
    const operations = machine.disk.operationCount - before
    ok(operations <= 3 * count, `${operations} operations for ${count} files`)
    equal((await contents(machine)).length, count)
    await host.close()
  })

  it('publishes what it did not write itself, whatever it knows of its own files', async () => {
    const { machine, host } = open()
    await host.open(undefined)
    host.write(0, 'x')
    const [handles] = await host.prepare(1)
    const { host: other } = open({}, machine)
    await other.open(undefined)
    await other.commit(0, handles!, 1)
    deepEqual(await contents(machine), ['x\n'])
    await host.commit(0, handles!, 1)
    deepEqual(await contents(machine), ['x\n'])
    await host.close()
    await other.close()
  })

  it('does not take a lost or damaged file for a published one', async () => {
    const { machine, host } = open()
    await host.open(undefined)
    host.write(0, 'x')
    const [handles] = await host.prepare(1)
    await host.commit(0, handles!, 1)
    await host.close()
    const [name] = await names(machine)
    await machine.run(
      (async () => {
        const handle = await machine.disk.open(`${dir}/${name!}`, 'append')
        await handle.write(Buffer.from('more'), 0)
        await handle.close()
      })(),
    )
    const restore = async (options: Partial<FileSinkOptions<string>> = {}): Promise<void> => {
      const { host: next } = open(options, machine)
      await next.open(handles)
      await next.close()
    }
    await rejects(restore(), { code: 'FILE_SINK_DAMAGED' })
    await machine.run(machine.disk.remove(`${dir}/${name!}`))
    await rejects(restore(), { code: 'FILE_SINK_LOST' })
    await restore({ missingFiles: 'accept' })
    const { host: other } = open({}, machine)
    await rejects(other.open([{ kind: 'something else' }]), { code: 'FILE_SINK_HANDLE_UNKNOWN' })
  })

  it('waits for a folder that is away while it should hold files, and makes none in its place', async () => {
    const { machine, host } = open()
    await host.open(undefined)
    host.write(0, 'x')
    const [handles] = await host.prepare(1)
    const away = `${dir}-away`
    await machine.run(machine.disk.rename(dir, away))
    await rejects(host.commit(0, handles!, 1), { code: 'FILE_SINK_COMMIT_FAILED', retry: true })
    await host.close()
    const { host: next } = open({}, machine)
    const { host: idle } = open({}, machine)
    await idle.open([{ ...(handles as { files: unknown }[])[0], files: [] }])
    await rejects(next.open(handles), { code: 'FILE_SINK_COMMIT_FAILED', retry: true, message: /its folder is away/ })
    await idle.close()
    await machine.run(machine.disk.rename(away, dir))
    await next.open(handles)
    deepEqual(await contents(machine), ['x\n'])
    await next.close()
  })

  it('makes a folder that was removed anew with the first record, where nothing is missing', async () => {
    const { machine, host } = open()
    await host.open(undefined)
    const [handles] = await host.prepare(1)
    await host.close()
    await machine.run(machine.disk.removeTree(dir))
    const { host: next } = open({ rollBytes: 1 }, machine)
    await next.open(handles)
    for (const text of ['x', 'y']) next.write(0, text.repeat(65_536))
    await next.commit(0, (await next.prepare(2))[0]!, 2)
    equal((await contents(machine)).join('').length, 2 * 65_537)
    await next.close()
  })

  it('refuses a prefix with which no file could be named before anything is written', async () => {
    throws(() => open({ prefix: 'é'.repeat(110) }), {
      code: 'CONNECTOR_OPTION_INVALID',
      message: /option prefix makes names of files of up to \d+ bytes/,
    })
    const { host: short } = open({ prefix: 'x'.repeat(150) })
    await short.open(undefined)
    await short.close()
  })

  it('refuses options that are none', () => {
    for (const options of [
      { dir: '' },
      { dir, prefix: '.x' },
      { dir, prefix: 'a/b' },
      { dir, suffix: '/' },
      { dir, rollBytes: 0 },
      { dir, rollInterval: 'soon' as never },
    ]) {
      throws(() => fileSink(options), { code: 'CONNECTOR_OPTION_INVALID' })
    }
  })
})
