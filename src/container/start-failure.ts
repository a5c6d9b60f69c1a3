/**
 * Why a program did not start, as an exit code of Docker's command line: 127 for a program that is not there, 126 for
 * one that can't be executed, 125 for everything else. crun tells it only in words: its log has one JSON object a line.
 */

/** The program is there but can't be executed. */
const NOT_EXECUTABLE = 126;
const NOT_THERE = 127;
const OTHER_FAILURE = 125;

/** Exit code and reason of a start that failed. */
export interface StartFailure {
  code: 125 | 126 | 127;
  /** One line, as far as it is known. */
  reason: string;
}

/** The messages of crun's log; a line that is not JSON counts as a message itself. */
function messages(log: string): string[] {
  return log
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      try {
        const entry: unknown = JSON.parse(line);
        if (typeof entry === 'object' && entry !== null && 'msg' in entry) return String(entry.msg);
      } catch {
        // The log's first line may be cut off.
      }
      return line;
    });
}

/** Judges crun's log. Its words for the program itself: "executable file … not found", "open executable: …", "exec container process …". */
export function classifyStartFailure(log: string): StartFailure {
  const reason = messages(log).join('; ') || 'no reason given';
  const aboutProgram = /executable|^exec container process/.test(reason);
  if (aboutProgram && /no such file or directory/i.test(reason)) return { code: NOT_THERE, reason };
  if (aboutProgram) return { code: NOT_EXECUTABLE, reason };
  return { code: OTHER_FAILURE, reason };
}
