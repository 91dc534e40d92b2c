// What programs in C++ need: constructors, containers, streams, virtual calls.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <sstream>
#include <string>
#include <vector>

struct Shape {
	virtual ~Shape() = default;
	virtual double area() const = 0;
};
struct Square : Shape {
	double side;
	explicit Square(double side) : side(side) {}
	double area() const override { return side * side; }
};
struct Circle : Shape {
	double radius;
	explicit Circle(double radius) : radius(radius) {}
	double area() const override { return 3 * radius * radius; }
};

static std::map<std::string, int> before_main = {{"one", 1}, {"two", 2}};

int main(int argc, char **argv) {
	std::vector<std::unique_ptr<Shape>> shapes;
	shapes.push_back(std::make_unique<Square>(2));
	shapes.push_back(std::make_unique<Circle>(1));
	double area = 0;
	for (auto &shape : shapes) area += shape->area();
	std::mt19937 random(42);
	std::vector<int> numbers(1000);
	for (auto &number : numbers) number = int(random() % 100);
	std::sort(numbers.begin(), numbers.end());
	std::map<int, int> counts;
	for (auto number : numbers) counts[number]++;
	std::ofstream out("/out/counts.txt");
	for (auto &[number, count] : counts) out << number << ' ' << count << '\n';
	std::string line, all;
	while (std::getline(std::cin, line)) all += line + ";";
	std::ostringstream text;
	text << area << ' ' << before_main["two"] << ' ' << std::accumulate(numbers.begin(), numbers.end(), 0L) << ' ' << all;
	std::cout << text.str() << std::endl;
	return argc > 1 ? std::stoi(argv[1]) : 0;
}
