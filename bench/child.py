"""A process that answers a word, a line on its input, with a line of JSON; it says hello first. bench/step and torch_child.py are such."""
import json
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


class Child:
    def __init__(self, command, environment):
        environment = {"ADZE_ZOO": os.path.join(HERE, os.pardir, "models", "zoo"), **environment}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=HERE)
        self.hello = self.answer()

    def answer(self):
        """None: the process has ended."""
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def ask(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self):
        self.process.stdin.close()
        self.process.wait()
