import { type Command, Option } from 'commander'
import { engineFlags } from '../settings.ts'
import type { CommandIo } from '../terminal.ts'

type Finish = (exitCode: number) => void
type Flags = { readonly [name: string]: unknown }

/** Options of the places that a snapshot can be in. */
const placeKeys: readonly string[] = ['checkpointing.requestTimeout', 'checkpointing.s3', 'checkpointing.hdfs']

/** The commands about what is in a checkpoint or savepoint. No job needs to run. */
export function addStateCommands(program: Command, io: CommandIo, finish: Finish): void {
  const state = program.command('state').description('look into a checkpoint or savepoint, and write savepoints')
  addList(state, io, finish)
  addDescribe(state, io, finish)
  addPrint(state, io, finish)
  addWrite(state, io, finish)
  addEdit(state, io, finish)
}

function addList(state: Command, io: CommandIo, finish: Finish): void {
  withPlaces(state.command('list').description('list the operators and states in a checkpoint or savepoint'))
    .argument('<path>', 'its folder or URL')
    .addOption(new Option('--format <table|json>', 'for people, or one object a line').choices(['table', 'json']).default('table'))
    .action(async (path: string, flags: Flags) => {
      const { listState } = await import('./state.ts')
      finish(await listState(path, flags, io))
    })
}

function addDescribe(state: Command, io: CommandIo, finish: Finish): void {
  withPlaces(state.command('describe').description('show what a checkpoint or savepoint is of, and how large, as JSON'))
    .argument('<path>', 'its folder or URL')
    .action(async (path: string, flags: Flags) => {
      const { describeState } = await import('./state.ts')
      finish(await describeState(path, flags, io))
    })
}

function addPrint(state: Command, io: CommandIo, finish: Finish): void {
  withPlaces(state.command('print').description('print the state in a checkpoint or savepoint as JSON lines'))
    .argument('<path>', 'its folder or URL')
    .option('--operator <uid>', 'of this operator alone')
    .option('--state <name>', 'of the state of this name alone')
    .option('--key <json>', 'of this key alone: a number, "text", {"$bigint":"1"}, or a list of these')
    .action(async (path: string, flags: Flags) => {
      const { printState } = await import('./state.ts')
      finish(await printState(path, flags, io))
    })
}

function addWrite(state: Command, io: CommandIo, finish: Finish): void {
  withPlaces(state.command('write').description('write a savepoint from JSON lines, and print its path'))
    .argument('<path>', 'folder or URL of the new savepoint, where nothing may be yet')
    .option('--from <path>', 'a checkpoint or savepoint to take over, except the operators that are in the input')
    .option('--input <file>', 'the lines (default: the standard input)')
    .action(async (path: string, flags: Flags) => {
      const { writeState } = await import('./write.ts')
      finish(await writeState(path, flags, io))
    })
}

function addEdit(state: Command, io: CommandIo, finish: Finish): void {
  withPlaces(
    state.command('edit').description('write a savepoint from another with operators or states removed or renamed, and print its path'),
  )
    .argument('<from>', 'the checkpoint or savepoint, which stays as it is')
    .argument('<path>', 'folder or URL of the new savepoint, where nothing may be yet')
    .addOption(repeated('--remove <uid[:state]>', 'leave out an operator, or one state of it; may be repeated'))
    .addOption(repeated('--rename <uid[:state]=name>', 'call an operator, or one state of it, so from now on; may be repeated'))
    .action(async (from: string, path: string, flags: Flags) => {
      const { editState } = await import('./write.ts')
      finish(await editState(from, path, flags, io))
    })
}

function repeated(syntax: string, description: string): Option {
  return new Option(syntax, description).default([], 'none').argParser((text: string, previous: readonly string[]) => [...previous, text])
}

function withPlaces(command: Command): Command {
  for (const flag of engineFlags) {
    if (!placeKeys.some((key) => flag.key === key || flag.key.startsWith(`${key}.`))) continue
    command.addOption(new Option(flag.syntax, flag.description).helpGroup('Options: where it is'))
    if (flag.negated !== undefined) command.addOption(new Option(flag.negated).hideHelp())
  }
  return command.addOption(new Option('--config <path>', 'file of options').default(undefined, 'millrace.yaml, if it is there'))
}
