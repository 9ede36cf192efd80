import { defineErrors, type ErrorDetails, type MillraceError } from '@millrace/core'

/** What can be wrong with a command before it does anything. */
const cliErrors = {
  CLI_PARAM_MALFORMED: { who: 'user', retry: false, message: '--param takes name=value, and got {text}' },
  CLI_PARAM_TWICE: { who: 'user', retry: false, message: '--param {name} is given twice' },
  CLI_PAIR_MALFORMED: { who: 'user', retry: false, message: '{flag} takes name=value, and got {text}' },
  CLI_PAIR_TWICE: { who: 'user', retry: false, message: '{flag} is given {name} twice' },
  CLI_CONFIG_NO_MAPPING: {
    who: 'user',
    retry: false,
    message: '{path}: {key} must be settings by name, each a text, a number or true or false',
  },
  CLI_CONFIG_NAME: { who: 'user', retry: false, message: '{path} is not read: call it millrace.yaml, or name it with --config {path}' },
  CLI_FILE_UNREADABLE: { who: 'user', retry: false, message: 'The file {path} of {setting} cannot be read: {problem}' },
  CLI_STATE_DIR: { who: 'user', retry: false, message: 'The state folder {path} cannot be read: {problem}. Name another with --state-dir' },
  CLI_ARGUMENT: { who: 'user', retry: false, message: '{flag} must {expected}, and is {value}' },
  CLI_SHADOW_OLD: {
    who: 'user',
    retry: false,
    message: 'No job {job} runs here from a module of its own: name the module of its old version with --old',
  },
  CLI_SHADOW_OTHER: { who: 'user', retry: false, message: '--of names job {job}, and the old version, {module}, is job {other}' },
  CLI_INPUT_LINE: { who: 'user', retry: false, message: 'Line {line} of the input is no record: {problem}' },
  CLI_INPUT_PARTITION: {
    who: 'user',
    retry: false,
    message:
      'Line {line} of the input has "partition": {partition}, and topic {topic} has {count}; the lines before it are written. Give the topic as many as the lines are from (millrace topics alter {topic} --partitions {needed}, or more), or write by the key, whatever partition a line has, with --ignore-partition',
  },
  CLI_STATE_LINE: { who: 'user', retry: false, message: 'Line {line} of {input} is no state: {problem}' },
  CLI_GROUP_ACTIVE: {
    who: 'user',
    retry: false,
    message: 'The offsets of group {group} are those of its {count} {count?member:members}: stop {count?it:them} before they are set',
  },
  CLI_TOPIC_DELETED: { who: 'user', retry: false, message: 'Topic {topic} was deleted before all that was in it was read' },
  CLI_GROUP_UNKNOWN: { who: 'user', retry: false, message: 'The cluster has no group {group}' },
} as const

export const cliError: (code: keyof typeof cliErrors, details?: ErrorDetails, cause?: unknown) => MillraceError = defineErrors(cliErrors)
