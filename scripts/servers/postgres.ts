// npm run test:postgres: the sink for tables on a real PostgreSQL, started here; skipped by name where it cannot be had.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { nodeClock, nodeDisk, nodeNetwork, nodeRandom } from '@millrace/core'
import { sinkConformance, testAuthority, type SinkConformanceReport } from '@millrace/testkit'
import { defineJob, execute, type ExecuteOptions, type Sink, type SinkWriter } from 'millrace'
import { postgresSink, type PostgresSinkOptions } from 'millrace/postgres'
import { Client } from 'pg'
import { drawsOf } from '../demo/draws.ts'
import { JobProcess } from '../demo/job-process.ts'
import { TestServer } from './server.ts'

const built = await TestServer.build('postgres')
const authority = testAuthority('millrace test')

interface Order {
  readonly id: number
  readonly name: string | null
}

const noRestart = { options: { restart: { strategy: 'none' } } } as const satisfies ExecuteOptions

if (typeof built === 'string') describe('PostgreSQL', { skip: built }, () => {})
else suite(built)

function suite(server: TestServer): void {
  const url = (parameters = ''): string => `postgres://millrace:millrace@127.0.0.1:${server.port}/postgres${parameters}`

  async function ask<R extends object>(sql: string, values: readonly unknown[] = []): Promise<readonly R[]> {
    for (let tries = 1; ; tries++) {
      const client = new Client({ connectionString: url() })
      client.on('error', () => {})
      try {
        await client.connect()
        return (await client.query<R>(sql, [...values])).rows
      } catch (error) {
        // It answers before it is ready.
        if (tries === 100 || !/starting up|not yet accepting|ECONNREFUSED|terminated|ECONNRESET/.test((error as Error).message)) throw error
        await sleep(100)
      } finally {
        await client.end().catch(() => {})
      }
    }
  }

  async function write<T>(values: readonly T[], sink: Sink<T>, options: ExecuteOptions = noRestart): Promise<void> {
    const job = defineJob('orders', (env) => void env.fromCollection(values).sinkTo(sink).uid('table'))
    const result = await execute(job, options)
    assert.equal(result.state, 'finished')
  }

  const orders = (options: Partial<PostgresSinkOptions<Order>>): Sink<Order> =>
    postgresSink<Order>({ url: url(), table: 'orders', columns: ['id', 'name'], keys: ['id'], ...options })

  describe('PostgreSQL', () => {
    before(async () => {
      const { certificate, key } = authority.issue({ subject: { CN: 'localhost' }, hosts: ['localhost', '127.0.0.1'] })
      writeFileSync(join(server.folder, 'server.crt'), certificate)
      writeFileSync(join(server.folder, 'server.key'), key)
      await server.start()
    })
    after(() => server.remove())
    beforeEach(async () => {
      await ask('DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE orders (id integer PRIMARY KEY, name text NOT NULL)')
    })

    for (const delivery of ['exactly-once', 'at-least-once'] as const) {
      it(`inserts, updates and deletes by key: ${delivery}`, async () => {
        const changes: Order[] = [
          { id: 1, name: 'a' },
          { id: 2, name: 'b' },
          { id: 1, name: 'c' },
          { id: 2, name: null },
          { id: 3, name: null },
          { id: 4, name: 'd' },
        ]
        const deleteWhen = ({ name }: Order): boolean => name === null
        await write(changes, orders({ delivery, deleteWhen, batchRows: 2 }))
        assert.deepEqual(await ask('SELECT * FROM orders ORDER BY id'), [
          { id: 1, name: 'c' },
          { id: 4, name: 'd' },
        ])
        await write([{ id: 4, name: 'again' }], orders({ delivery, onConflict: 'ignore' }))
        await write([{ id: 1, name: null }], orders({ delivery, deleteWhen }))
        assert.deepEqual(await ask('SELECT * FROM orders'), [{ id: 4, name: 'd' }])
      })
    }

    it('writes values of every type', async () => {
      await ask(
        'CREATE SCHEMA "Shop"; CREATE TABLE "Shop"."All Types" (id bigint, price numeric, weight float8, tags text[], doc jsonb, raw bytea, at timestamptz, ok boolean, "quo""ted" text, made text DEFAULT \'by default\')',
      )
      const at = new Date('2026-11-20T12:34:56.789Z')
      const value = { id: 9007199254740993n, price: '12345678901234567890.12', tags: ['a,b', '"c"'], doc: { deep: [1, 'x', null] } }
      await write(
        [value],
        postgresSink<typeof value>({
          url: url(),
          table: 'Shop.All Types',
          columns: {
            id: 'id',
            price: 'price',
            weight: () => Infinity,
            tags: 'tags',
            doc: 'doc',
            raw: () => Uint8Array.of(0, 255, 92),
            at: () => at,
            ok: () => true,
            'quo"ted': () => 'ü \' " \\ \n 😀',
          },
        }),
      )
      assert.deepEqual(await ask('SELECT * FROM "Shop"."All Types"'), [
        {
          id: '9007199254740993',
          price: '12345678901234567890.12',
          weight: Infinity,
          tags: value.tags,
          doc: value.doc,
          raw: Buffer.of(0, 255, 92),
          at,
          ok: true,
          'quo"ted': 'ü \' " \\ \n 😀',
          made: 'by default',
        },
      ])
    })

    it('writes times before the first year and after the year 9999', async () => {
      await ask('CREATE TABLE times (at timestamptz, day date)')
      const times = [
        '-000043-03-15T00:00:00Z',
        '0000-03-15T00:00:00Z',
        '0001-01-01T00:00:00Z',
        '+010000-01-01T00:00:00Z',
        '+275760-09-13T00:00:00Z',
      ]
      const ats = times.map((time) => new Date(time))
      await write(ats, postgresSink<Date>({ url: url(), table: 'times', columns: { at: (at: Date) => at, day: (at: Date) => at } }))
      assert.deepEqual(
        await ask(
          "SELECT (extract(epoch FROM at) * 1000)::float8 AS ms, day = (at AT TIME ZONE 'UTC')::date AS same FROM times ORDER BY at",
        ),
        ats.map((at) => ({ ms: at.getTime(), same: true })),
      )
    })

    it('leaves columns that are not named alone, also those of a type that takes no NULL', async () => {
      await ask(
        "CREATE DOMAIN place AS text NOT NULL DEFAULT 'here'; CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);" +
          'CREATE TABLE parcels (id text COLLATE any_case PRIMARY KEY, weight numeric(5, 1) NOT NULL, at place, number integer GENERATED ALWAYS AS IDENTITY)',
      )
      interface Parcel {
        readonly id: string
        readonly weight: number
      }
      const deleteWhen = ({ weight }: Parcel): boolean => weight === 0
      const parcels = postgresSink<Parcel>({ url: url(), table: 'parcels', columns: ['id', 'weight'], keys: ['id'], deleteWhen })
      await write(
        [
          { id: 'a', weight: 1.25 },
          { id: 'b', weight: 2 },
        ],
        parcels,
      )
      await write([{ id: 'B', weight: 0 }], parcels)
      assert.deepEqual(await ask('SELECT * FROM parcels'), [{ id: 'a', weight: '1.3', at: 'here', number: 1 }])
    })

    it('names table, column, constraint and row of what the database refuses', async () => {
      const many = Array.from({ length: 2_500 }, (_, id): Order => ({ id, name: id === 1_700 ? null : 'x' }))
      for (const delivery of ['exactly-once', 'at-least-once'] as const) {
        await assert.rejects(write(many, orders({ delivery })), (error: Error) => {
          assert.match(
            error.message,
            /table orders refuses the row \{"id":1700,"name":null\} in column name: .*not-null.*\[POSTGRES_SINK_RECORD_REFUSED\]/s,
          )
          return true
        })
      }
      const twice = orders({ keys: [], delivery: 'at-least-once' })
      await ask('DELETE FROM orders')
      await assert.rejects(
        write(
          [
            { id: 1, name: 'a' },
            { id: 1, name: 'b' },
          ],
          twice,
        ),
        /refuses the row \{"id":1,"name":"b"\} by constraint orders_pkey: .*\[POSTGRES_SINK_RECORD_REFUSED\]/,
      )
    })

    it('names the row that a trigger refuses, or an index has no room for', async () => {
      await ask(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.name = 'bad' THEN RAISE EXCEPTION 'it is bad'; END IF; RETURN NEW; END $$;" +
          'CREATE TRIGGER refuse BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION refuse(); CREATE INDEX ON orders (name)',
      )
      const refused = (name: string) =>
        write(
          [
            { id: 1, name: 'good' },
            { id: 2, name },
          ],
          orders({}),
        )
      await assert.rejects(refused('bad'), /refuses the row \{"id":2,"name":"bad"\}: it is bad \(P0001\) \[POSTGRES_SINK_RECORD_REFUSED\]/)
      // What can be compressed would fit.
      const long = Array.from({ length: 2_000 }, (_, index) => String(index * 7_919)).join('')
      await assert.rejects(refused(long), /refuses the row \{"id":2,.*index row .*\(54000\) \[POSTGRES_SINK_RECORD_REFUSED\]/)
    })

    it('sets what a transaction needs for that transaction alone', async () => {
      await ask(
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name = concat_ws(' ', current_setting('synchronous_commit'), current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout')); RETURN NEW; END $$;" +
          'CREATE TRIGGER tell BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION tell(); ALTER DATABASE postgres SET synchronous_commit = off',
      )
      try {
        await write([{ id: 1, name: '' }], orders({ statementTimeout: '7s' }))
      } finally {
        await ask('ALTER DATABASE postgres RESET synchronous_commit')
      }
      assert.deepEqual(await ask('SELECT name FROM orders'), [{ name: 'on 7s 1min' }])
    })

    it('takes keys that are the same to the database alone', async () => {
      await ask('CREATE EXTENSION citext; CREATE TABLE people (name citext PRIMARY KEY, age integer)')
      const people = [
        { name: 'Ada', age: 1 },
        { name: 'ADA', age: 2 },
      ]
      await write(people, postgresSink<(typeof people)[0]>({ url: url(), table: 'people', columns: ['name', 'age'], keys: ['name'] }))
      assert.deepEqual(await ask('SELECT age FROM people'), [{ age: 2 }])
    })

    it('says at the start what is wrong with tables, keys, rights and passwords', async () => {
      const one = [{ id: 1, name: 'a' }]
      const rejected = async (sink: Sink<Order>, pattern: RegExp): Promise<void> => await assert.rejects(write(one, sink), pattern)
      await rejected(orders({ table: 'none' }), /"none" does not exist.*POSTGRES_SINK_REFUSED/)
      await rejected(orders({ columns: { id: 'id', nane: 'name' } }), /"nane".* does not exist.*POSTGRES_SINK_REFUSED/)
      await rejected(orders({ keys: ['name'] }), /no unique.*POSTGRES_SINK_REFUSED/)
      await rejected(orders({ password: 'wrong' }), /password authentication failed.*POSTGRES_SINK_REFUSED/)
      await ask(
        "DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN PASSWORD 'guest'; GRANT USAGE ON SCHEMA public TO guest; GRANT SELECT ON orders TO guest",
      )
      await rejected(orders({ user: 'guest', password: 'guest' }), /permission denied for table orders.*POSTGRES_SINK_REFUSED/)
      await rejected(orders({ port: 1, retryFor: '100ms' }), /POSTGRES_SINK_UNAVAILABLE/)
    })

    it('speaks TLS, and checks who is there', async () => {
      const only = { delivery: 'at-least-once' } as const
      await write([{ id: 1, name: 'a' }], orders({ ...only, tls: { ca: authority.certificate } }))
      const stranger = testAuthority('another').certificate
      const refused = write([{ id: 2, name: 'b' }], orders({ ...only, tls: { ca: stranger }, retryFor: 0 }))
      await assert.rejects(refused, /certificate|signature/)
      const unknown = write([{ id: 2, name: 'b' }], orders({ ...only, url: url('?sslmode=verify-full'), retryFor: 0 }))
      await assert.rejects(unknown, /certificate/)
      assert.deepEqual(await ask('SELECT id FROM orders'), [{ id: 1 }])
    })

    it('conforms to what exactly once asks of a sink', { timeout: 120_000 }, async () => {
      let runs = 0
      const writers: SinkWriter<{ n: number }>[] = []
      const tables = new WeakMap<object, string>()
      const seeds = Array.from({ length: 4 }, (_, n) => n + 1)
      for (const index of seeds.keys()) await ask(`CREATE TABLE out_${index} (n integer)`)
      const tableOf = (machine: object): string => {
        const table = tables.get(machine) ?? `out_${runs++}`
        tables.set(machine, table)
        return table
      }
      const report = await sinkConformance<{ n: number }>({
        machine: 'real',
        seeds,
        create: (machine) => {
          const table = tableOf(machine)
          const sink = postgresSink<{ n: number }>({ url: url(), table, columns: ['n'], commitTable: `${table}_commits` })
          return {
            ...sink,
            createWriter: (context) => {
              const writer = sink.createWriter(context)
              writers.push(writer)
              return writer
            },
          }
        },
        record: (n) => ({ n }),
        visible: async (machine) => await ask<{ n: number }>(`SELECT n FROM ${tableOf(machine)}`),
      })
      // Where a process dies its connections end.
      for (const writer of writers) await writer.close()
      const reached: (keyof SinkConformanceReport)[] = ['checkpoints', 'abandoned', 'restores', 'rescales', 'crashesBeforeCommit']
      for (const situation of reached) assert.ok(report[situation] >= 5, `${situation} was reached only ${report[situation]} times`)
    })

    const writers: SinkWriter<{ readonly n: number }>[] = []

    /** The only writer of a start of the job, into the table of numbers. */
    function writer(
      attempt: number,
      options: { readonly jobName?: string; readonly commitRetention?: '1h' } = {},
    ): Required<(typeof writers)[0]> {
      const { jobName = 'numbers', ...others } = options
      const sink = postgresSink<{ n: number }>({ url: url(), table: 'numbers', columns: ['n'], ...others })
      const made = sink.createWriter({
        subtask: 0,
        parallelism: 1,
        jobName,
        stateId: 'table',
        attempt,
        clock: nodeClock,
        disk: nodeDisk,
        network: nodeNetwork,
        random: nodeRandom,
        wake: () => {},
        fail: () => {},
      })
      writers.push(made)
      return made as Required<typeof made>
    }
    afterEach(async () => {
      for (const each of writers.splice(0)) await each.close()
    })

    it('refuses what a former start that is still alive commits', async () => {
      await ask('CREATE TABLE numbers (n integer)')
      const [former, next] = [writer(1), writer(2)]
      await former.open([])
      former.write({ n: 1 }, 0)
      const first = await former.prepare(1)
      former.write({ n: 2 }, 0)
      const second = await former.prepare(2)
      await next.open(first)
      assert.deepEqual(await ask('SELECT n FROM numbers'), [{ n: 1 }])
      await former.commit(first, 1)
      await assert.rejects(former.commit(second, 2), { code: 'POSTGRES_SINK_FENCED' })
      assert.deepEqual(await ask('SELECT n FROM numbers'), [{ n: 1 }])
    })

    /** Starts of a job that have an entry. */
    const entries = async (jobName = 'numbers'): Promise<readonly number[]> =>
      (await ask<{ attempt: string }>('SELECT attempt FROM millrace_sink_commits WHERE job = $1 ORDER BY attempt', [jobName])).map(
        ({ attempt }) => Number(attempt),
      )
    const aDayLater = async (): Promise<void> =>
      void (await ask("UPDATE millrace_sink_commits SET changed_at = changed_at - interval '1 day'"))

    it('removes entries of former starts that are old, once a checkpoint of a later one is complete, and only those', async () => {
      await ask('CREATE TABLE numbers (n integer)')
      const numbers = async (): Promise<readonly number[]> =>
        (await ask<{ n: number }>('SELECT n FROM numbers ORDER BY n')).map(({ n }) => n)
      const pruning = { commitRetention: '1h' } as const
      /** Goes on from a checkpoint, writes a number, and completes its own. */
      const live = async (attempt: number, restored: readonly unknown[], options: Parameters<typeof writer>[1]) => {
        const life = writer(attempt, options)
        await life.open(restored)
        life.write({ n: attempt }, 0)
        const handles = await life.prepare(attempt)
        const before = await entries(options?.jobName)
        await life.commit(handles, attempt)
        return { life, handles, before }
      }
      const first = await live(1, [], pruning)
      await live(101, (await live(100, [], { jobName: 'other' })).handles, { jobName: 'other' })
      await aDayLater()
      // Fenced only now: a day after it wrote, and the later start did not find it so.
      const second = await live(2, first.handles, pruning)
      assert.deepEqual(await entries(), [1, 2])
      await aDayLater()
      const third = await live(3, second.handles, pruning)
      assert.deepEqual(
        [third.before, await entries()],
        [
          [1, 2, 3],
          [2, 3],
        ],
        'not before the checkpoint is complete',
      )
      assert.deepEqual(await entries('other'), [100, 101])

      // One that is still alive, and a checkpoint of its time.
      first.life.write({ n: 1_000 }, 0)
      await assert.rejects(first.life.commit(await first.life.prepare(9), 9), { code: 'POSTGRES_SINK_ENTRY_MISSING' })
      await assert.rejects(async () => await writer(4, pruning).open(first.handles), { code: 'POSTGRES_SINK_ENTRY_MISSING' })
      await writer(5, pruning).open(second.handles)
      await writer(6, pruning).open(third.handles)
      assert.deepEqual(await numbers(), [1, 2, 3, 100, 101])

      await ask("DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN PASSWORD 'guest'; GRANT USAGE ON SCHEMA public TO guest")
      await ask('GRANT INSERT ON numbers TO guest; GRANT SELECT, INSERT, UPDATE ON millrace_sink_commits TO guest')
      const guest = { user: 'guest', password: 'guest', table: 'numbers', columns: ['n'] } as const
      const one = [{ n: 7 }]
      await write(one, postgresSink<{ n: number }>({ url: url(), ...guest }))
      const refused = write(one, postgresSink<{ n: number }>({ url: url(), ...guest, ...pruning }))
      await assert.rejects(refused, /permission denied for table millrace_sink_commits.*POSTGRES_SINK_REFUSED/)
    })

    it('removes nothing in a start that is fenced: another may need it', async () => {
      await ask('CREATE TABLE numbers (n integer)')
      const pruning = { commitRetention: '1h' } as const
      const first = writer(1)
      await first.open([])
      first.write({ n: 1 }, 0)
      const handles = await first.prepare(1)
      const [second, third, fourth] = [writer(2, pruning), writer(3, pruning), writer(4, pruning)]
      await second.open(handles)
      await aDayLater()
      await third.open(handles)
      await fourth.open(handles)
      await third.commit(await third.prepare(2), 2)
      assert.deepEqual(await entries(), [1, 2, 3, 4])
      await fourth.commit(await fourth.prepare(2), 2)
      assert.deepEqual(await entries(), [2, 3, 4], 'the second was fenced only by the third, after a day')
      assert.deepEqual(await ask('SELECT n FROM numbers'), [{ n: 1 }])
    })

    it('leaves no entry of a start that ends before it has written anything', async () => {
      await ask('CREATE TABLE numbers (n integer)')
      const [first, second, third] = [writer(1), writer(2), writer(3)]
      await first.open([])
      first.write({ n: 1 }, 0)
      const handles = await first.prepare(1)
      await first.commit(handles, 1)
      await second.open(handles)
      const without = await second.prepare(2)
      await second.commit(without, 2)
      assert.deepEqual(await entries(), [1, 2])
      await second.close()
      assert.deepEqual(await entries(), [1])
      await third.open(without)
      assert.deepEqual(await entries(), [1, 3])
      assert.deepEqual(await ask('SELECT n FROM numbers'), [{ n: 1 }])
    })

    it('goes on when the server was killed', { timeout: 120_000 }, async () => {
      await ask('CREATE TABLE numbers (n integer, bucket integer)')
      const folder = mkdtempSync(join(tmpdir(), 'millrace-numbers-'))
      const count = 40_000
      try {
        const job = start(folder, { count: String(count), rate: '8000' })
        for (let kill = 0; kill < 2; kill++) {
          await sleep(1_500)
          await server.stop()
          await sleep(300)
          await server.start()
        }
        assert.equal(await job.closed, 0, job.stderr + job.troubles.join())
        assert.deepEqual(await ask(`SELECT count(*)::int AS rows, count(DISTINCT n)::int AS numbers FROM numbers`), [
          { rows: count, numbers: count },
        ])
      } finally {
        rmSync(folder, { recursive: true })
      }
    })

    const start = (folder: string, params: Readonly<Record<string, string>>, parallelism = 2): JobProcess =>
      new JobProcess({
        file: 'scripts/servers/postgres/numbers-job.ts',
        parallelism,
        checkpointInterval: '200ms',
        stateDir: folder,
        params: { url: url(), ...params },
      })

    for (const keyed of [false, true]) {
      it(`loses and repeats nothing when the job is killed${keyed ? ', by key' : ''}`, { timeout: 300_000 }, async () => {
        await ask('CREATE TABLE numbers (n integer, bucket integer); CREATE TABLE newest (bucket integer PRIMARY KEY, n integer)')
        const folder = mkdtempSync(join(tmpdir(), 'millrace-numbers-'))
        const draw = drawsOf(7)
        const count = 60_000
        const params = { count: String(count), rate: '10000', keyed: String(keyed) }
        try {
          for (let kill = 0; kill < 5; kill++) {
            const job = start(folder, params, 1 + (kill % 3))
            // It runs, and is somewhere in its checkpoints.
            while (job.startedMs === undefined && !job.hasExited) await sleep(10)
            await sleep(draw() * 1_500)
            await job.kill()
            // Entries of former starts are old enough to be removed; no start may need them.
            await ask("UPDATE millrace_sink_commits SET changed_at = changed_at - interval '1 day'")
            if (keyed) continue
            const [seen] = await ask<{ rows: number; numbers: number }>(
              'SELECT count(*)::int AS rows, count(DISTINCT n)::int AS numbers FROM numbers',
            )
            assert.equal(seen!.rows, seen!.numbers, 'a number is there twice')
          }
          const last = start(folder, params)
          assert.equal(await last.closed, 0, last.stderr)
          assert.deepEqual(await ask("SELECT attempt FROM millrace_sink_commits WHERE changed_at < now() - interval '1 hour'"), [])
          const [rows] = keyed
            ? await ask('SELECT count(*)::int AS rows, min(n)::int AS low, max(n)::int AS high FROM newest')
            : await ask('SELECT count(*)::int AS rows, count(DISTINCT n)::int AS numbers, max(n)::int AS high FROM numbers')
          assert.deepEqual(
            rows,
            keyed ? { rows: 1_000, low: count - 1_000, high: count - 1 } : { rows: count, numbers: count, high: count - 1 },
          )
        } finally {
          rmSync(folder, { recursive: true })
        }
      })
    }
  })
}
