import { test } from 'node:test'
import assert from 'node:assert/strict'
import { DiskError, type DiskErrorReason } from '@millrace/core'
import { SeededRandom } from '../random/seeded-random.ts'
import { VirtualClock } from '../clock/virtual-clock.ts'
import { SimulatedDisk } from './simulated-disk.ts'

const text = (value: string): Uint8Array => Buffer.from(value)
const disk = (seed = 1, options: { capacityBytes?: number; handlesMax?: number } = {}): SimulatedDisk =>
  new SimulatedDisk({ random: new SeededRandom(seed), ...options })
const failsWith =
  (reason: DiskErrorReason) =>
  (error: unknown): boolean =>
    error instanceof DiskError && error.reason === reason

async function put(target: SimulatedDisk, path: string, content: string, syncs: { file?: boolean; folder?: string } = {}): Promise<void> {
  const file = await target.open(path, 'write')
  await file.write(text(content), 0)
  if (syncs.file === true) await file.sync()
  await file.close()
  if (syncs.folder !== undefined) await target.syncDirectory(syncs.folder)
}

async function content(target: SimulatedDisk, path: string): Promise<string | undefined> {
  try {
    return Buffer.from(await target.readFile(path)).toString()
  } catch (error) {
    if (failsWith('not-found')(error)) return undefined
    throw error
  }
}

test('what is synced, content and name, survives every crash', async () => {
  for (let seed = 0; seed < 200; seed++) {
    const target = disk(seed)
    await target.makeDirectory('/a/b')
    await target.syncDirectory('/')
    await target.syncDirectory('/a')
    await put(target, '/a/b/f', 'kept', { file: true, folder: '/a/b' })
    const file = await target.open('/a/b/f', 'append')
    await file.write(text(' more'), 0)
    target.crash()
    assert.match((await content(target, '/a/b/f'))!, /^kept(| more|\0{5})$/)
  }
})

test('what is not synced is sometimes kept, sometimes torn, sometimes lost, in any order', async () => {
  const seen = { kept: 0, torn: 0, lost: 0, namesLost: 0, reordered: 0, zeros: 0 }
  for (let seed = 0; seed < 400; seed++) {
    const target = disk(seed)
    await put(target, '/f', '', { file: true, folder: '/' })
    const file = await target.open('/f', 'update')
    await file.write(new Uint8Array(2000).fill(1), 0)
    await file.write(new Uint8Array(2000).fill(2), 2000)
    await put(target, '/new', 'x', { file: true })
    const { writes, namesLost } = target.crash()
    seen.kept += writes.kept
    seen.torn += writes.torn
    seen.lost += writes.lost
    seen.namesLost += namesLost
    const bytes = await target.readFile('/f')
    if (bytes[0] !== 1 && bytes.includes(2)) seen.reordered++
    if (bytes.length > 0 && bytes.at(-1) === 0) seen.zeros++
    assert.equal((await content(target, '/new')) === undefined, namesLost === 1)
  }
  for (const [name, count] of Object.entries(seen)) assert.ok(count > 15, `${name} ${count}`)
})

test('a second name is of the same file, durable by itself, and stays when the first goes', async () => {
  const target = disk()
  for (const folder of ['/d', '/e']) await target.makeDirectory(folder)
  await target.syncDirectory('/')
  await put(target, '/d/first', 'what is in it', { file: true, folder: '/d' })
  await target.link('/d/first', '/e/second')
  assert.equal((await target.stat('/e/second')).inode, (await target.stat('/d/first')).inode)
  assert.equal(target.usedBytes, 13)
  await assert.rejects(target.link('/d/first', '/e/second'), failsWith('exists'))
  await assert.rejects(target.link('/d', '/e/folder'), failsWith('not-permitted'))
  await target.remove('/d/first')
  for (const folder of ['/d', '/e']) await target.syncDirectory(folder)
  await target.link('/e/second', '/e/third')
  target.crash({ loss: 'all', at: 0 })
  assert.deepEqual(
    [await content(target, '/d/first'), await content(target, '/e/second'), await content(target, '/e/third')],
    [undefined, 'what is in it', undefined],
  )
})

test('a rename is atomic: one of the two names is always there', async () => {
  const seen = { before: 0, after: 0 }
  for (let seed = 0; seed < 100; seed++) {
    const target = disk(seed)
    await put(target, '/to', 'old', { file: true, folder: '/' })
    await put(target, '/from', 'new', { file: true, folder: '/' })
    await target.rename('/from', '/to')
    target.crash()
    const [from, to] = [await content(target, '/from'), await content(target, '/to')]
    assert.ok((from === 'new' && to === 'old') || (from === undefined && to === 'new'), `${from} ${to}`)
    seen[to === 'old' ? 'before' : 'after']++
  }
  assert.ok(seen.before > 10 && seen.after > 10)
})

test('names that were not synced may be lost out of order, but each name keeps its own order', async () => {
  let outOfOrder = 0
  for (let seed = 0; seed < 200; seed++) {
    const target = disk(seed)
    await put(target, '/first', '1', { file: true })
    await put(target, '/second', '2', { file: true })
    await target.rename('/second', '/third')
    target.crash()
    const names = await target.list('/')
    assert.ok(!(names.includes('second') && names.includes('third')))
    if (!names.includes('first') && names.length > 0) outOfOrder++
  }
  assert.ok(outOfOrder > 10)
})

test('a killed process loses nothing that was written, and its handles are dead', async () => {
  const clock = new VirtualClock()
  const target = new SimulatedDisk({ random: new SeededRandom(5), clock, latencyMs: [1, 1] })
  const attached = target.attach()
  const file = await clock.run(attached.open('/f', 'write'))
  await clock.run(file.write(text('written'), 0))
  let settled = false
  const settle = (): void => void (settled = true)
  void file.write(text('under way'), 7).then(settle, settle)
  target.kill()
  void attached.list('/').then(settle, settle)
  void file.write(text('zombie'), 0).then(settle, settle)
  await clock.runUntilIdle()
  assert.equal(settled, false)
  assert.match((await clock.run(content(target, '/f')))!, /^written(u(n|$).*)?$/)
  assert.equal(target.openHandles, 0)
})

test('misuse of a handle is an error', async () => {
  const target = disk()
  const file = await target.open('/f', 'write')
  await assert.rejects(file.read(new Uint8Array(1), 0), failsWith('other'))
  await file.close()
  for (const use of [() => file.write(text('x'), 0), () => file.sync(), () => file.truncate(0), () => file.stat(), () => file.close()]) {
    await assert.rejects(use(), /closed/)
  }
  const reading = await target.open('/f', 'read')
  await assert.rejects(reading.write(text('x'), 0), failsWith('other'))
  assert.equal(target.openHandles, 1)
  await reading.close()
  assert.equal(target.openHandles, 0)
})

test('bytes that change while they are being written are noticed', async () => {
  const clock = new VirtualClock()
  const target = new SimulatedDisk({ random: new SeededRandom(5), clock })
  const file = await clock.run(target.open('/f', 'write'))
  const bytes = new Uint8Array([1, 2, 3])
  const written = file.write(bytes, 0)
  bytes[1] = 9
  await assert.rejects(clock.run(written), /changed under way/)
})

test('errors are those of a file system', async () => {
  const target = disk(1, { handlesMax: 2 })
  await target.makeDirectory('/d/e')
  await put(target, '/f', 'x')
  await assert.rejects(target.open('/none', 'read'), failsWith('not-found'))
  await assert.rejects(target.open('/none/f', 'write'), failsWith('not-found'))
  await assert.rejects(target.open('/f/g', 'write'), failsWith('not-a-directory'))
  await assert.rejects(target.open('/f', 'create'), failsWith('exists'))
  await assert.rejects(target.open('/d', 'write'), failsWith('is-a-directory'))
  await assert.rejects(target.readFile('/d'), failsWith('is-a-directory'))
  await assert.rejects(target.list('/f'), failsWith('not-a-directory'))
  await assert.rejects(target.remove('/none'), failsWith('not-found'))
  await assert.rejects(target.rename('/none', '/x'), failsWith('not-found'))
  await assert.rejects(target.rename('/f', '/d'), failsWith('is-a-directory'))
  await assert.rejects(target.makeDirectory('/f'), failsWith('exists'))
  await target.makeDirectory('/d/e')
  await target.removeTree('/nothing')
  await target.open('/f', 'read')
  await target.open('/f', 'read')
  await assert.rejects(target.open('/f', 'read'), failsWith('too-many-open'))
  assert.deepEqual(await target.list('/'), ['d', 'f'])
  await target.removeTree('/d')
  assert.deepEqual(await target.list('/'), ['f'])
})

test('a full disk takes what fits and says so; space freed can be used', async () => {
  const target = disk(1, { capacityBytes: 10 })
  const file = await target.open('/f', 'update')
  await file.write(text('12345678'), 0)
  await assert.rejects(file.write(text('abcd'), 8), failsWith('no-space'))
  assert.equal(target.usedBytes, 10)
  await file.write(text('xx'), 0)
  await file.truncate(8)
  await file.write(text('yy'), 8)
  assert.equal(await content(target, '/f'), 'xx345678yy')
})

test('injected failures hit what they name, as often as they say', async () => {
  const target = disk()
  const file = await target.open('/f', 'update')
  target.fail({ operations: ['write'], path: /f$/, reason: 'input-output', skip: 1, times: 1 })
  await file.write(text('one'), 0)
  await assert.rejects(file.write(text('two'), 3), failsWith('input-output'))
  await file.write(text('two'), 3)
  const cancel = target.fail({ operations: ['sync'], reason: 'input-output' })
  await assert.rejects(file.sync(), failsWith('input-output'))
  cancel()
  await file.sync()
})

test('a later sync does not save what a failed one gave up', async () => {
  let lost = 0
  for (let seed = 0; seed < 50; seed++) {
    const target = disk(seed)
    const file = await target.open('/f', 'update')
    await target.syncDirectory('/')
    await file.write(text('first'), 0)
    target.fail({ operations: ['sync'], reason: 'input-output', times: 1 })
    await assert.rejects(file.sync())
    await file.write(text('second'), 5)
    await file.sync()
    assert.equal(await content(target, '/f'), 'firstsecond')
    target.crash()
    const after = (await content(target, '/f'))!
    assert.ok(after.endsWith('second'))
    if (!after.startsWith('first')) lost++
  }
  assert.ok(lost > 5)
})

test('operations take their time on the clock, and reads may be short', async () => {
  const clock = new VirtualClock()
  const target = new SimulatedDisk({ random: new SeededRandom(2), clock, latencyMs: [2, 2], shortReadProbability: 1 })
  const file = await clock.run(target.open('/f', 'update'))
  await clock.run(file.write(text('hello'), 0))
  assert.equal(clock.monotonic(), 4)
  target.fail({ operations: ['read'], delayMs: 100, times: 1 })
  const into = new Uint8Array(5)
  const read = await clock.run(file.read(into, 0))
  assert.ok(read > 0 && read < 5)
  assert.equal(clock.monotonic(), 106)
})

test('a flipped byte is what is read, also after a crash', async () => {
  const target = disk()
  await put(target, '/f', 'abc', { file: true, folder: '/' })
  target.flip('/f', 1, 0x20)
  assert.equal(await content(target, '/f'), 'aBc')
  target.crash()
  assert.equal(await content(target, '/f'), 'aBc')
})
