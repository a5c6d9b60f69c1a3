/** The file that a lab begins with. */
export const LAB_FILE = 'lab.yaml';
