#!/usr/bin/python3
"""Checks promises that only the linker can break, by reading symbol tables with nm.

    tools/check_symbols.py PROGRAM LIBTENSOR.a

1. The program asks the system for no network function: it could not call home.
2. The objects of src/tensor/kernels define no weak symbol. They are compiled for CPUs that the
   rest of the program may not run on; the linker may take any copy of a weak (inline) function
   for everybody.
"""
import subprocess
import sys

NETWORK = {"socket", "connect", "bind", "listen", "accept", "accept4", "sendto", "recvfrom",
           "sendmsg", "recvmsg", "getaddrinfo", "gethostbyname", "socketpair", "io_uring_setup"}
KERNEL_OBJECTS = ("_avx2.cc", "_avx512.cc")


def nm(*arguments: str) -> list[str]:
    command = ["nm", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def is_kernel(name: str) -> bool:
    return any(part in name for part in KERNEL_OBJECTS)


def network_symbols(program: str) -> list[str]:
    asked = {line.split()[-1].split("@")[0] for line in nm("-D", "--undefined-only", program)}
    return sorted(asked & NETWORK)


def weak_kernel_symbols(library: str) -> list[str]:
    found = []
    current = ""
    for line in nm("-C", library):
        if line.endswith(":"):
            current = line[:-1]
        elif is_kernel(current) and len(line) > 18 and line[17] in "WVu":
            found.append(f"{current}: {line[19:]}")
    return found


def main() -> int:
    program, library = sys.argv[1:]
    if not any(is_kernel(line) for line in nm(library)):
        print(f"{library} holds no kernel objects: nothing was checked")
        return 1
    problems = [f"the program asks for the network: {name}" for name in network_symbols(program)]
    problems += [f"weak symbol in a kernel object: {name}" for name in weak_kernel_symbols(library)]
    for problem in problems:
        print(problem)
    print(f"symbols: {len(problems)} findings")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
