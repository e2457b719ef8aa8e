/** Error numbers that the server reports for images and pools, with the names that administrators look for. Pure. */

/** Those of Linux that librados and librbd are known to return. */
const NAMES = {
  1: "EPERM",
  2: "ENOENT",
  4: "EINTR",
  5: "EIO",
  6: "ENXIO",
  11: "EAGAIN",
  12: "ENOMEM",
  13: "EACCES",
  16: "EBUSY",
  17: "EEXIST",
  19: "ENODEV",
  22: "EINVAL",
  27: "EFBIG",
  28: "ENOSPC",
  30: "EROFS",
  34: "ERANGE",
  36: "ENAMETOOLONG",
  38: "ENOSYS",
  39: "ENOTEMPTY",
  61: "ENODATA",
  74: "EBADMSG",
  75: "EOVERFLOW",
  84: "EILSEQ",
  95: "EOPNOTSUPP",
  104: "ECONNRESET",
  107: "ENOTCONN",
  108: "ESHUTDOWN",
  110: "ETIMEDOUT",
  111: "ECONNREFUSED",
  113: "EHOSTUNREACH",
  122: "EDQUOT",
  125: "ECANCELED",
};

/** Returns `rbd_header.1a2b: No such file or directory (errno 2, ENOENT)`; adds nothing if the text names the errno already. */
export function errorText({ errno, text }) {
  if (errno === 0 || /\berrno\b/i.test(text)) return text;
  const name = NAMES[errno];
  return `${text} (errno ${errno}${name === undefined ? "" : `, ${name}`})`;
}
