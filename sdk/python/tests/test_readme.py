"""The snippets of the README: they are put into files as their first line says, and run."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


class Readme(unittest.TestCase):
    def test_snippets_run(self):
        with open(os.path.join(HERE, "..", "README.md"), encoding="utf-8") as file:
            snippets = re.findall(r"```python\n# (\S+)\n(.*?)```", file.read(), re.DOTALL)
        self.assertEqual([name for name, _ in snippets], ["main.py", "test_main.py"])
        environment = {**os.environ, "PYTHONPATH": os.path.join(HERE, "..", "src"), "PYTHONDONTWRITEBYTECODE": "1"}
        with tempfile.TemporaryDirectory() as folder:
            for name, text in snippets:
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            tested = [sys.executable, "test_main.py"]
            subprocess.run(tested, cwd=folder, env=environment, check=True)
            by_hand = subprocess.run([sys.executable, "main.py"], cwd=folder, env=environment, capture_output=True)
            self.assertEqual(by_hand.returncode, 2)
            self.assertIn(b"akao node run", by_hand.stderr)


if __name__ == "__main__":
    unittest.main()
