/**
 * A PostgreSQL server by the package `pg`. An edge: the driver has its own sockets and timers.
 *
 * 1. One connection. After anything that leaves it in doubt it is thrown away, and the next call makes another.
 * 2. A row that the database refuses is found by writing the rows of the transaction one by one, in another transaction of the same.
 * 3. What a transaction needs of the server's settings it sets itself, for itself alone: behind a pooler each may have another session.
 * 4. A server that does not answer is waited for once, and keeps nobody from closing, nor the process from ending.
 */
import { Socket } from 'node:net'
import { nodeClock } from '@millrace/core'
import type { Client, ClientConfig, QueryResult } from 'pg'
import { engineError } from '../../errors.ts'
import { optionalLibrary } from '../optional-library.ts'
import type { CommitNames } from './commit-protocol.ts'
import { databaseError, isUnanswered, kindOf, type DatabaseProblem } from './database-errors.ts'
import type { StagedBatch } from './handle.ts'
import {
  beginStatements,
  columnTypesStatements,
  commitStatements,
  quotedTable,
  rowStatements,
  type ColumnType,
  type CommitStatements,
  type RowStatements,
  type RowTarget,
  type TableName,
} from './sql.ts'
import type { RowStore, RowTransaction, Run, RunPosition } from './store.ts'

export interface PgStoreOptions {
  readonly client: ClientConfig
  readonly statementTimeoutMs: number
  readonly target: RowTarget
  readonly names: CommitNames
  /** Undefined: there is none. */
  readonly commitTable: TableName | undefined
  /** Whether entries of former starts will be removed from it. */
  readonly isPruned: boolean
}

/** Keeps those apart who make the table of commits at once. */
const CREATE_LOCK = 0x6d_69_6c_6c
/** The driver waits for the server to end the connection: no longer than this. */
const GOODBYE_MS = 1_000

export class PgStore implements RowStore {
  readonly #options: PgStoreOptions
  readonly #begin: string
  #client: Client | undefined
  /** Of the client. */
  #socket: Socket | undefined
  #isClosed = false

  constructor(options: PgStoreOptions) {
    this.#options = options
    this.#begin = beginStatements(options.statementTimeoutMs)
  }

  async check(): Promise<void> {
    const { commitTable, isPruned } = this.#options
    await this.transaction(async (transaction) => {
      const { client } = transaction as PgTransaction
      const rows = await (transaction as PgTransaction).rowStatements()
      // Plans it and does nothing: finds tables, columns, keys without an index and missing rights.
      await client.query(`EXPLAIN ${rows.write}`, ['[]'])
      if (rows.delete !== undefined) await client.query(`EXPLAIN ${rows.delete}`, ['[]'])
      if (commitTable === undefined) return
      await this.#makeCommitTable(client, commitTable)
      if (isPruned) await client.query(`EXPLAIN ${commitStatements(commitTable).prune}`, ['', '', '', 0])
    })
  }

  async transaction<R>(work: (transaction: RowTransaction) => Promise<R>): Promise<R> {
    const { table } = this.#options.names
    try {
      return await this.#attempt(work, false)
    } catch (error) {
      if (!isOfRows(error)) throw databaseError(error, table)
    }
    try {
      return await this.#attempt(work, true)
    } catch (error) {
      throw databaseError(error, table)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const client = this.#client
    this.#client = undefined
    if (client === undefined) return
    const socket = this.#socket
    const cancel = nodeClock.after(GOODBYE_MS, () => socket?.destroy())
    await client.end().catch(() => {})
    cancel()
  }

  async #makeCommitTable(client: Client, commitTable: TableName): Promise<void> {
    const { rows } = await client.query<{ oid: string | null }>('SELECT to_regclass($1) AS oid', [quotedTable(commitTable)])
    if (rows[0]?.oid !== null) return
    await client.query('SELECT pg_advisory_xact_lock($1)', [CREATE_LOCK])
    await client.query(commitStatements(commitTable).create)
  }

  async #attempt<R>(work: (transaction: RowTransaction) => Promise<R>, oneByOne: boolean): Promise<R> {
    const client = (this.#client ??= await this.#connect())
    const socket = this.#socket
    const { target, names, commitTable } = this.#options
    try {
      await client.query(this.#begin)
      const commits = commitTable === undefined ? undefined : commitStatements(commitTable)
      const result = await work(new PgTransaction(client, target, commits, names, oneByOne))
      await client.query('COMMIT')
      return result
    } catch (error) {
      if (isUnanswered(error)) {
        // A statement more would wait as long again, and the end of the connection would not be answered either.
        this.#discard(client)
        socket?.destroy()
      } else await this.#rollBack(client)
      throw error
    }
  }

  async #rollBack(client: Client): Promise<void> {
    try {
      await client.query('ROLLBACK')
    } catch {
      this.#discard(client)
    }
  }

  async #connect(): Promise<Client> {
    if (this.#isClosed) throw engineError('POSTGRES_SINK_UNAVAILABLE', { problem: 'the sink is closed' })
    const { default: pg } = await optionalLibrary('postgresSink', 'pg', () => import('pg'))
    const stream = (): Socket => (this.#socket = new Socket())
    const client = new pg.Client({ ...this.#options.client, stream })
    // Between queries nobody else hears of a connection that is lost.
    client.on('error', () => this.#discard(client))
    try {
      await client.connect()
      if (this.#isClosed) throw engineError('POSTGRES_SINK_UNAVAILABLE', { problem: 'the sink is closed' })
    } catch (error) {
      this.#discard(client)
      throw error
    }
    return client
  }

  #discard(client: Client): void {
    if (this.#client === client) this.#client = undefined
    client.end().catch(() => {})
  }
}

class PgTransaction implements RowTransaction {
  readonly client: Client
  readonly #target: RowTarget
  readonly #commits: CommitStatements | undefined
  readonly #names: CommitNames
  readonly #oneByOne: boolean

  constructor(client: Client, target: RowTarget, commits: CommitStatements | undefined, names: CommitNames, oneByOne: boolean) {
    this.client = client
    this.#target = target
    this.#commits = commits
    this.#names = names
    this.#oneByOne = oneByOne
  }

  async addRun({ run, subtask, attempt }: Run): Promise<void> {
    await this.client.query(this.#commits!.addRun, [...this.#entry(run), subtask, attempt])
  }

  async fenceOthers({ run, subtask, parallelism }: Run): Promise<void> {
    await this.client.query(this.#commits!.fenceOthers, [...this.#entry(run), subtask, parallelism])
  }

  async advance(run: string, { batch, checkpointId }: StagedBatch, asOwner: boolean): Promise<boolean> {
    const { advance, advanceUnlessFenced } = this.#commits!
    const { rowCount } = await this.client.query(asOwner ? advanceUnlessFenced : advance, [...this.#entry(run), batch, checkpointId])
    return rowCount === 1
  }

  async position(run: string): Promise<RunPosition | undefined> {
    const { rows } = await this.client.query<{ batch: string; checkpoint_id: string; fenced: boolean }>(
      this.#commits!.position,
      this.#entry(run),
    )
    const [row] = rows
    return row === undefined ? undefined : { batch: Number(row.batch), checkpointId: Number(row.checkpoint_id), isFenced: row.fenced }
  }

  async nowMs(): Promise<number> {
    const { rows } = await this.client.query<{ ms: number }>(this.#commits!.now)
    return rows[0]!.ms
  }

  async prune(run: string, beforeMs: number): Promise<void> {
    await this.client.query(this.#commits!.prune, [...this.#entry(run), beforeMs])
  }

  async withdraw(run: string): Promise<void> {
    await this.client.query(this.#commits!.withdraw, this.#entry(run))
  }

  async write({ writes, deletes }: Pick<StagedBatch, 'writes' | 'deletes'>): Promise<void> {
    if (deletes.length === 0 && writes.length === 0) return
    const statements = await this.rowStatements()
    for (const rows of deletes) await this.#writeSome(statements.delete!, rows)
    for (const rows of writes) await this.#writeSome(statements.write, rows)
  }

  /** Good for this transaction: a column may be of another type in the next. */
  async rowStatements(): Promise<RowStatements> {
    const answers = (await this.client.query(columnTypesStatements(this.#target))) as unknown as readonly QueryResult<ColumnType>[]
    return rowStatements(this.#target, answers[1]!.rows)
  }

  async #writeSome(statement: string, rows: string): Promise<void> {
    if (!this.#oneByOne) {
      await this.client.query(statement, [rows])
      return
    }
    for (const each of JSON.parse(rows) as readonly object[]) {
      const row = JSON.stringify(each)
      try {
        await this.client.query(statement, [`[${row}]`])
      } catch (error) {
        throw databaseError(error, this.#names.table, row)
      }
    }
  }

  #entry(run: string): [string, string, string] {
    return [this.#names.jobName, this.#names.sink, run]
  }
}

function isOfRows(error: unknown): boolean {
  return error instanceof Error && 'code' in error && kindOf(error as DatabaseProblem) === 'row'
}
